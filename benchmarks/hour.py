"""An hour of mixed traffic on the legacy shop, recorded: people, staff, a partner, a monitor and bots that look for holes.

The application runs in this process; what it answers is what is recorded. Its own table of routes is the truth.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from sample_legacy import facts
from sample_legacy.app import create_app
from sample_legacy.traffic.people import Action, Person
from strangler.traffic.entry import Entry, Message

SECONDS = 3600
_BEGAN = 1_792_674_000.0
_PEOPLE = 24
_STYLES = ("shop.5d1e0c7a.css", "print.91f0b3d2.css", "cart.0a77c4e9.css")
_HOLES = (
    "/wp-login.php", "/.env", "/admin", "/phpmyadmin/index.php", "/.git/config", "/xmlrpc.php", "/api/users", "/api/v2/orders",
    "/vendor/phpunit/src/Util/PHP/eval-stdin.php", "/cgi-bin/luci", "/actuator/health", "/api/orders/%2e%2e/admin", "/a//b",
    "/config.json", "/backup.zip", "/owa/auth/logon.aspx", "/products/../etc/passwd", "/api/.env", "/static/../x", "/%00",
)  # fmt: skip
Ask = tuple[str, Action]  # who, and what


def truth(app: Starlette) -> set[tuple[str, str]]:
    """Method and path of every endpoint that answers to HTTP, as the application itself has them; HEAD belongs to GET."""
    found = set()
    for route in app.routes:
        if isinstance(route, Route):
            methods = route.methods or {
                name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(route.endpoint, name)
            }
            found |= {(method, route.path) for method in methods if method != "HEAD"}
    return found


def asked(number: int, seed: int = 7) -> Iterator[Ask]:
    """So many requests, mixed as they come."""
    draw = Random(f"{seed}:hour")
    world = facts.load(seed)
    people = [_person(Person(world, seed, each)) for each in range(_PEOPLE)]
    sources: list[tuple[Callable[[], Ask], int]] = [(lambda: next(draw.choice(people)), 72)]
    sources += [(lambda each=each: next(each), share) for each, share in _others(draw, world)]  # type: ignore[misc]
    chosen, weights = [source for source, _ in sources], [weight for _, weight in sources]
    for source in draw.choices(chosen, weights, k=number):
        yield source()


def _person(person: Person) -> Iterator[Ask]:
    yield from ((person.id, action) for action in person.actions() if action.kind != "websocket")


def _others(draw: Random, world: facts.Facts) -> list[tuple[Iterator[Ask], int]]:
    return [(_staff(draw, world), 9), (_partner(draw, world), 5), (_machines(draw), 5), (_pages(draw), 3), (_bots(draw), 6)]


def _staff(draw: Random, world: facts.Facts) -> Iterator[Ask]:
    orders, customers = len(world.orders), len(world.customers)
    while True:
        order = draw.randint(1, orders)
        yield "staff", Action("GET", "/api/orders/recent")
        yield "staff", Action("GET", f"/api/orders/{order}/items")
        yield "staff", Action("GET", f"/api/orders/{order}/invoice")
        yield "staff", Action("GET", f"/api/customers?page={draw.randint(1, 4)}")
        yield "staff", Action("GET", f"/api/customers/{draw.randint(1, customers)}/orders")
        yield "staff", Action("GET", f"/api/reports/days/2024-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}")
        yield "staff", Action("DELETE", f"/api/orders/{order}")
        yield "staff", Action("GET", f"/api/uploads/{draw.randint(1, 3)}")


def _partner(draw: Random, world: facts.Facts) -> Iterator[Ask]:
    codes = {"books": "BO", "garden": "GA", "kitchen": "KI", "music": "MU", "toys": "TO"}
    while True:
        product = draw.choice(world.products)
        yield "partner", Action("GET", f"/api/products/by-sku/{codes[product.category]}-{product.id:04d}")
        yield "partner", Action("GET", f"/api/products/{product.id}/stock")
        yield "partner", Action("GET", "/api/categories")
        yield "partner", Action("GET", f"/api/categories/{draw.choice(list(codes))}")


def _machines(draw: Random) -> Iterator[Ask]:
    while True:
        yield "monitor", Action(draw.choice(("GET", "HEAD")), "/healthz")
        yield "crawler", Action("GET", draw.choice(("/robots.txt", "/sitemap.xml")))


def _pages(draw: Random) -> Iterator[Ask]:
    while True:
        yield "visitor", Action("GET", "/about")
        yield "visitor", Action("GET", f"/static/{draw.choice(_STYLES)}")
        yield "visitor", Action("GET", "/login")
        yield "visitor", Action("GET", "/logout")


def _bots(draw: Random) -> Iterator[Ask]:
    """Half of it is a list that goes around, half is drawn, so that it never ends."""
    while True:
        yield "bot", Action(draw.choice(("GET", "GET", "POST", "HEAD")), draw.choice(_HOLES))
        word = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9)))
        yield "bot", Action("GET", draw.choice(("/{}.php", "/api/{}", "/{}/admin", "/products/{}", "/{}")).format(word))
        yield "bot", Action(draw.choice(("OPTIONS", "TRACE", "DELETE", "PUT")), draw.choice(("/", "/products", "/api/products")))


def recorded(number: int, seed: int = 7) -> tuple[list[Entry], set[tuple[str, str]]]:
    """What became of so many requests, and the truth about the application."""
    with TemporaryDirectory() as folder:
        app = create_app(f"sqlite:///{Path(folder) / 'legacy.db'}", seed_number=seed)
        try:
            return asyncio.run(_record(app, number, seed)), truth(app)
        finally:
            app.state.shop.engine.dispose()


async def _record(app: Starlette, number: int, seed: int) -> list[Entry]:
    jars: dict[str, httpx.AsyncClient] = {}
    entries = []
    try:
        for index, (who, action) in enumerate(islice(asked(number, seed), number)):
            if who not in jars:
                transport = httpx.ASGITransport(app, raise_app_exceptions=False)
                jars[who] = httpx.AsyncClient(transport=transport, base_url="http://shop.example.org", cookies={"user": who})
            entries.append(await _entry(jars[who], who, action, _BEGAN + index * SECONDS / number))
    finally:
        for jar in jars.values():
            await jar.aclose()
    return entries


async def _entry(client: httpx.AsyncClient, who: str, action: Action, at: float) -> Entry:
    """Asks, and says what was asked and answered. Events come at once: there is nobody to wait for them."""
    path = action.path.replace("interval=0.05", "interval=0")
    headers = {"content-type": action.content_type} if action.content_type else {}
    request = client.build_request(action.method, "/", content=action.body or None, headers=headers)
    request.url = request.url.copy_with(raw_path=path.encode())
    response = await client.send(request)
    return Entry(
        action.method, path, host="shop.example.org", at=at, duration=response.elapsed.total_seconds(), client=who,
        request=Message(_pairs(request.headers), action.body, len(action.body)),
        status=response.status_code,
        response=Message(_pairs(response.headers, without="content-encoding"), response.content, len(response.content)),
    )  # fmt: skip


def _pairs(headers: httpx.Headers, without: str = "") -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers.multi_items() if name != without)


def as_log(entries: list[Entry]) -> Iterator[str]:
    """The same as our own access log would have it, which has neither queries nor headers nor bodies."""
    for entry in entries:
        yield json.dumps(
            {"time": entry.at, "path": entry.path, "client": entry.client, "method": entry.method, "route": None, "stage": None,
             "served_by": "legacy", "status": entry.status, "seconds": entry.duration, "bytes_out": entry.response.size}
        )  # fmt: skip
