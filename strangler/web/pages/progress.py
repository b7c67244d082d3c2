"""The page for managers, at its own address; the same as `strangler progress --html` writes."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from hashlib import sha256

from starlette.responses import HTMLResponse, Response

from strangler.control import progress
from strangler.web.desk import Desk
from strangler.web.pages.rendering import page
from strangler.web.progress import render
from strangler.web.reading import recorded

PATIENCE = 0.15  # seconds that somebody waits for it
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def show(desk: Desk) -> Response:
    """It stands alone, with its style in it: the policy names that style, and nothing else."""
    text = desk.last_progress.latest(lambda: _text(desk), str, PATIENCE)
    if not text:
        return page("wait.html")
    styles = " ".join(f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" for style in _STYLE.findall(text))
    policy = f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return HTMLResponse(text.encode("utf-8", "backslashreplace"), headers={"Content-Security-Policy": policy})


def _text(desk: Desk) -> str:
    config, now = desk.config, time.time()
    entries, _ = recorded(desk)
    with desk.store() as store:
        found = progress.progress(config, store, entries, now)
        records = [
            progress.decommission(config, each, store, entries, now) for each in config.routes if each.name in found.retired
        ]
    return render(found, records, title=desk.path.name)
