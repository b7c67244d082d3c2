"""`strangler explain`"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from strangler.cli.options import config_option, environment, json_option
from strangler.config.load import load
from strangler.control.cutover.record import record_of
from strangler.core.decide import Decision, Forward
from strangler.core.errors import UsageError
from strangler.core.explain import Explanation, explain
from strangler.core.ladder import OnFailure
from strangler.core.request import Request, host_of
from strangler.core.target import Segments
from strangler.core.units import format_percent


@click.command("explain")
@click.argument("method")
@click.argument("target", metavar="PATH")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A request header; may be repeated.")
@click.option("--client", default="127.0.0.1", show_default=True, help="Address of the client.")
@click.option("--all", "show_all", is_flag=True, help="Also show routes whose host or path does not fit.")
@config_option
@json_option
def command(method: str, target: str, headers: tuple[str, ...], client: str, show_all: bool, path: Path, as_json: bool) -> None:
    """Say where a request goes: which rule wins, which lose and why, the bucket, and what each stage would do.

    \b
    strangler explain GET /api/orders/42 -H 'cookie: beta=1'
    """
    config = load(path, environment())
    explanation = explain(config, _request(method, target, headers, client), moved=record_of(path).moved)
    if as_json:
        click.echo(json.dumps(_as_json(explanation, show_all)))
    else:
        click.echo("\n".join(_lines(explanation, show_all)))


def _request(method: str, target: str, headers: tuple[str, ...], client: str) -> Request:
    """The request as the proxy would see it: a terminal's text becomes the bytes that a client would send."""
    pairs = [_header(header) for header in headers]
    host = next((value.decode("latin-1") for name, value in pairs if name == b"host"), "")
    url = re.match("https?://([^/?#]*)", target)
    if url:
        host, target = host or url[1], target[url.end() :]
    if not url and not target.startswith("/"):
        raise UsageError(f"{target!r} is not a path: write /…, or a whole URL")
    if " " in method or not method.isprintable():
        raise UsageError(f"{method!r} is not a method: write GET, say")
    path, _, query = target.encode("utf-8", "surrogateescape").decode("latin-1").partition("?")
    return Request(method.upper(), path or "/", query, host_of(host), client, pairs)


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"{text!r} is not a header: write 'NAME: VALUE'")
    return name.strip().lower().encode("latin-1", "replace"), value.strip().encode("utf-8", "surrogateescape")


def _lines(explanation: Explanation, show_all: bool) -> list[str]:
    request = explanation.request
    shown = request.path.encode("latin-1").decode("utf-8", "replace")
    lines = [f"{request.method} {shown}", "", f"→ {_decision(explanation.decision)}"]
    if explanation.ambiguous:
        ways = ", ".join(map(_path, explanation.readings)) or "more paths than can be listed, so any route could match"
        lines += ["", f"The path is ambiguous ({explanation.ambiguous}): servers may read it as {ways}.",
                  "It goes to legacy only while every route that could match stands at legacy or shadow."]  # fmt: skip
    route, where = explanation.winner, explanation.stand
    if route and route.sticky and where:
        bucket = f"bucket {where.bucket:.4f} of [0, 1)" if where.bucket < 1 else "no bucket"
        lines += ["", f"{bucket}: {where.in_words}", f"weight {format_percent(route.weight)}"]
    lines += ["", "routes, in file order:", *_verdicts(explanation, show_all)]
    if route:
        lines += ["", f"what each stage would do on {route.name!r}:"]
        lines += [f"  {stage:<8}{_forward(decision)}" for stage, decision in explanation.stages]
    return lines


def _path(segments: Segments) -> str:
    return "/" + "/".join(quote(segment, safe="", errors="surrogateescape") for segment in segments)


def _verdicts(explanation: Explanation, show_all: bool) -> list[str]:
    shown, hidden = [], 0
    for verdict in explanation.verdicts:
        route = verdict.route
        if verdict.reasons and not verdict.near and not show_all:
            hidden += 1
            continue
        if route is explanation.winner:
            shown.append(f"  ✓ {route.name}: wins")
        elif verdict.reasons:
            shown.append(f"  ✗ {route.name}: {'; '.join(verdict.reasons)}")
        elif explanation.winner:
            shown.append(f"  · {route.name}: matches too, but {explanation.winner.name} stands above it")
        else:
            shown.append(f"  · {route.name}: matches one reading of the path")
    if hidden:
        shown.append(f"  ({hidden} more whose host or path does not fit: --all shows them)")
    return shown or ["  (none)"]


def _decision(decision: Decision) -> str:
    if not isinstance(decision, Forward):
        return f"refused with {decision.status} ({decision.reason})"
    route = f"route {decision.route.name}, stage {decision.route.stage}" if decision.route else "no route: the default"
    return f"{_forward(decision)} ({route})"


def _forward(decision: Forward) -> str:
    text = decision.upstream
    if decision.copies_to and decision.route:
        text += f"; {format_percent(decision.route.shadow.sample)} copied to {decision.copies_to}"
    if decision.on_failure is OnFailure.FALLBACK:
        text += f"; if it fails before its first byte, {decision.fallback} answers"
    elif decision.route and decision.upstream != decision.route.legacy:
        text += f"; if it fails before its first byte, {decision.on_failure}"
    return text


def _as_json(explanation: Explanation, show_all: bool) -> dict[str, Any]:
    return {
        "segments": explanation.segments,
        "ambiguous": explanation.ambiguous or None,
        "decision": _decision_as_json(explanation.decision),
        "bucket": explanation.stand.bucket if explanation.stand else None,
        "sticky_key": explanation.stand.key if explanation.stand else None,
        "winner": explanation.winner.name if explanation.winner else None,
        "routes": [
            {"name": verdict.route.name, "matches": not verdict.reasons, "reasons": verdict.reasons}
            for verdict in explanation.verdicts
            if show_all or verdict.near or not verdict.reasons
        ],
        "stages": {stage: _decision_as_json(decision) for stage, decision in explanation.stages},
    }


def _decision_as_json(decision: Decision) -> dict[str, Any]:
    if not isinstance(decision, Forward):
        return {"refused": decision.status, "reason": decision.reason}
    return {
        "served_by": decision.upstream,
        "route": decision.route.name if decision.route else None,
        "stage": decision.route.stage if decision.route else None,
        "copies_to": decision.copies_to or None,
        "on_failure": decision.on_failure,
    }
