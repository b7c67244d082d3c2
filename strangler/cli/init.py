"""`strangler init`"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from strangler.cli.discover import create, explore
from strangler.cli.terminal import count
from strangler.core.errors import UsageError
from strangler.traffic.discovery.endpoint import Endpoint
from strangler.traffic.discovery.proposal import proposed, render
from strangler.traffic.discovery.ranking import Ranked, rank
from strangler.traffic.discovery.survey import Discovery
from strangler.traffic.openapi import Surface

_FILE = click.Path(path_type=Path)
_EMPTY = """\
# A first routes.yaml. Without a route it is a transparent proxy: every request goes to legacy, as it always did.
#
#   strangler check      is this file sound?
#   strangler serve      then point a client at http://127.0.0.1:8080
#   strangler explain GET /some/path     where a request goes, and why
#
"""
_EXAMPLE = """\
# A route is what you move by itself. Take the # away, and write what of your application it is:
#
# routes:
#   - name: read-order
#     match: {path: "/api/orders/{id}", methods: [GET, HEAD]}
#     stage: legacy        # legacy, then shadow, canary, modern, retired
"""


@click.command("init")
@click.option("--openapi", type=_FILE, help="Propose a route for whatever this OpenAPI document describes.")
@click.option("--har", type=_FILE, help="Propose routes from recorded traffic: a HAR, or flows of mitmproxy.")
@click.option("--log", type=_FILE, help="Propose routes from an access log.")
@click.option(
    "--legacy", default="http://127.0.0.1:9001", show_default=True, help="Where the application is that is there today."
)
@click.option("--modern", default="http://127.0.0.1:9002", show_default=True, help="Where the one is that will replace it.")
@click.option("-o", "--output", "path", default=Path("routes.yaml"), show_default=True, type=_FILE, help="The file to write.")
def command(openapi: Path | None, har: Path | None, log: Path | None, legacy: str, modern: str, path: Path) -> None:
    """Write a first routes.yaml, with no route, or with those that traffic or an OpenAPI document suggests.

    \b
    strangler init --legacy http://shop.internal:8000
    strangler init --har traffic.har --legacy http://shop.internal:8000

    Every route stands at legacy, so that nothing changes. A file that is there is never overwritten.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already: name another file with -o, or move that one away")
    for name, url in (("--legacy", legacy), ("--modern", modern)):
        _check_url(name, url)
    files = tuple(file for file in (har, log) if file is not None)
    if files or openapi:
        found, ranked = _found(files, openapi)
        source = ", ".join(file.name for file in (*files, *([openapi] if openapi else [])))
        text = render(found, proposed(ranked), legacy=legacy, modern=modern, source=source)
    else:
        text = _EMPTY + render(Discovery((), 0), (), legacy=legacy, modern=modern) + _EXAMPLE
    create(path, text)
    click.echo(_next(path, text))


def _check_url(option: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or urlsplit(url).path not in ("", "/") or urlsplit(url).query:
        raise UsageError(f"{option} {url!r} is not an address: write http://HOST:PORT, without a path")


def _found(files: tuple[Path, ...], openapi: Path | None) -> tuple[Discovery, tuple[Ranked, ...]]:
    """What traffic shows, and what the document has besides; of a document alone, all that it describes."""
    from strangler.cli.openapi import read_surface

    surface = read_surface(openapi) if openapi else None
    found, ranked = explore(files, surface, None) if files else (Discovery((), 0), ())
    if surface is None:
        return found, ranked
    return found, (*ranked, *rank(_unseen(found, surface, bool(files))))


def _unseen(found: Discovery, surface: Surface, seen: bool) -> list[Endpoint]:
    operations = found.unseen if seen else surface.below(surface.bases[0])
    return [Endpoint(one.method, one.template, 0, {}, {}, operation=one) for one in operations]


def _next(path: Path, text: str) -> str:
    routes = text.count("\n  - name: ")
    option = "" if path == Path("routes.yaml") else f" -c {path}"
    said = f"{count(routes, 'route')}, all at legacy, so nothing changes yet" if routes else "no route yet: all goes to legacy"
    return "\n".join(
        [
            f"{path}: {said}",
            f"next: strangler check{option}    is it right?",
            f"      strangler serve{option}    then point a client at http://127.0.0.1:8080",
        ]
    )
