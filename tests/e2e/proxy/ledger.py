"""A witness that writes everything down, upstreams that answer by themselves, and a proxy whose ledger must close."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strangler.core.model import Match, Route, Shadow, Stage
from strangler.core.observation import About, Pair
from strangler.core.observation import Answer as Whole
from strangler.core.outcome import SKIPS
from strangler.core.template import parse_template
from strangler.proxy.shadowing import Shadowing

from .wire import Upstream, Wire, eventually, request, response

if TYPE_CHECKING:
    from .conftest import Scene

CONTROL, CANDIDATE = response(b"control"), response(b"candidate")


@dataclass
class Ledger:
    """What the engine told."""

    counts: Counter[str] = field(default_factory=Counter)
    skips: list[tuple[str, str]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    again: list[Pair] = field(default_factory=list)

    def seen(self, route: Route) -> None:
        self.counts[route.name] += 1

    def skipped(self, route: Route, reason: str, method: str) -> None:
        assert reason in SKIPS
        self.skips.append((route.name, reason))

    def alike(self, about: About, repeated: bool, control: Whole, candidate: Whole) -> bool:
        return False

    def paired(self, pair: Pair, route: Route) -> None:
        assert (pair.route, pair.rules) == (route.name, route.rules)
        (self.again if pair.again else self.pairs).append(pair)

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.skips]

    @property
    def open(self) -> Counter[str]:
        """What was seen and has not ended, by route; an end too many is negative."""
        found = Counter(self.counts)
        found.subtract(name for name, _ in self.skips)
        found.subtract(pair.route for pair in self.pairs)
        return Counter({name: count for name, count in found.items() if count})

    async def close(self) -> None:
        """Wait until everything seen has ended."""
        await eventually(lambda: not self.open)

    async def pair(self) -> Pair:
        """The one pair, once it is there."""
        await eventually(lambda: bool(self.pairs))
        [pair] = self.pairs
        return pair

    async def skip(self) -> str:
        """Why the one request was skipped, once it was."""
        await eventually(lambda: bool(self.skips))
        [(_, reason)] = self.skips
        return reason


@dataclass
class Seen:
    """Requests that an upstream got, and the tasks that answer them."""

    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    wires: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def stop(self) -> None:
        for task in self.tasks:
            task.cancel()


Answer = Callable[[bytes], bytes | None]


def serve(upstream: Upstream, answer: bytes | Answer) -> Seen:
    """Have an upstream answer every request by itself; with None it says nothing, with b"" it closes."""
    seen = Seen()
    say: Answer = answer if callable(answer) else lambda head: answer

    async def talk(wire: Wire) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await wire.reader.readuntil(b"\r\n\r\n")
                body = await wire.body(head)
                seen.heads.append(head)
                seen.bodies.append(body)
                said = say(head)
                if said:
                    wire.send(said)
                elif said is not None:
                    await wire.close()

    async def listen() -> None:
        while True:
            wire = await upstream._waiting.get()
            seen.wires += 1
            seen.tasks.append(asyncio.create_task(talk(wire)))

    seen.tasks.append(asyncio.create_task(listen()))
    return seen


@dataclass
class Stand:
    """A proxy whose requests are copied: legacy answers by itself, modern is the test's.

    Attributes:
        control: what legacy got.
    """

    scene: Scene
    ledger: Ledger
    control: Seen
    served: list[Seen]

    @property
    def shadowing(self) -> Shadowing:
        found = self.scene.proxy.shadowing
        assert found is not None
        return found

    @property
    def modern(self) -> Upstream:
        return self.scene.modern

    def candidate(self, answer: bytes | Answer) -> Seen:
        """Have modern answer by itself, too."""
        seen = serve(self.scene.modern, answer)
        self.served.append(seen)
        return seen

    async def ask(self, *headers: str, line: str = "GET / HTTP/1.1", body: bytes = b"", client: Wire | None = None) -> Wire:
        """One request, and its answer; on a new connection, or on this one."""
        client = client or await self.scene.dial()
        client.send(request(line, *headers, body=body))
        head = await client.head()
        if not line.startswith("HEAD"):
            await client.body(head)
        return client


def copied(path: str = "/{all...}", stage: Stage = Stage.SHADOW, **settings: Any) -> Route:
    """A route whose requests are copied at every stage but the first. `settings` that a `Shadow` has are its own, others the
    route's."""
    own = {key: settings.pop(key) for key in list(settings) if key in Shadow.__dataclass_fields__}
    own.setdefault("during", tuple(Stage))
    index, name = settings.pop("index", 0), settings.pop("name", "r")
    return Route(index, name, Match(parse_template(path)), stage=stage, shadow=Shadow(**own), **settings)
