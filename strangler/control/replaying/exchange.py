"""One entry: asked of the candidate, and of a live control if there is one; what is learned from the answers; what they show."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from strangler.control.replaying.asking import Asked, Writer
from strangler.control.replaying.comparing import Comparing
from strangler.control.replaying.recorded import bytes_of, decoded, encoded, observation_of
from strangler.control.replaying.sending import Sender
from strangler.control.replaying.tally import Tally
from strangler.core.model import SAFE_METHODS, Route, Side
from strangler.core.observation import Observation, Pair
from strangler.traffic.entry import Entry
from strangler.traffic.replay import tokens
from strangler.traffic.replay.bridge import Bridge
from strangler.traffic.replay.plan import Aside

MOST_LEARNED = 2**20  # bytes of an answer from which something is learned


@dataclass(slots=True)
class Leg:
    """One live system, and the recording in its words."""

    sender: Sender
    bridge: Bridge


class Exchange:
    """Asks entries, and adds what they show to the tally.

    Args:
        control: somebody live who answers as control; None for the recorded answers.
        between: from the words of the live control to those of the candidate.
        has_key: whether the key is known that the recording's secrets were replaced with.

    Attributes:
        settled: entries that are in the tally.
    """

    def __init__(
        self,
        writer: Writer,
        comparing: Comparing,
        tally: Tally,
        candidate: Leg,
        control: Leg | None,
        between: Bridge,
        has_key: bool,
    ) -> None:
        self._writer, self._comparing, self._tally = writer, comparing, tally
        self._candidate, self._control, self._between = candidate, control, between
        self._has_key = has_key
        self.settled = 0
        self._thread = ThreadPoolExecutor(1, "comparing")

    def close(self) -> None:
        """End the thread that compares."""
        self._thread.shutdown()

    def follows(self, entry: Entry) -> str:
        """Whose earlier requests an entry waits for; "" for nobody's."""
        known = entry.request.first("cookie") or entry.request.first("authorization")
        return _client(entry) if known or entry.client else ""

    async def ask(self, entry: Entry, route: Route) -> None:
        """Ask an entry and compare. Raises UsageError for a function of the file that cannot be loaded."""
        if self._control is None and tokens.in_answer(entry.response) and not self._has_key:
            return self._put_aside(Aside("redacted_answer"))
        legs = [leg for leg in (self._candidate, self._control) if leg is not None]
        if not all(leg.bridge.knows(entry) for leg in legs):
            return self._put_aside(Aside("not_made"))
        bridged = [leg.bridge.request(entry, _client(entry)) for leg in legs]
        asked = [self._asked(each, route, leg) for each, leg in zip(bridged, legs, strict=True)]
        ready = [each for each in asked if isinstance(each, Asked)]
        for aside in asked:
            if isinstance(aside, Aside):
                return self._put_aside(aside)
        most = int(route.shadow.max_body)
        sent = (leg.sender.send(each, most) for leg, each in zip(legs, ready, strict=True))
        seen = await asyncio.gather(*sent)
        live = (seen[1], bridged[1]) if len(seen) > 1 else None
        await asyncio.get_running_loop().run_in_executor(self._thread, self._compare, entry, route, seen[0], live)

    def leave(self, entry: Entry) -> None:
        """An entry is not asked; what it made when it was recorded is not here then."""
        before = decoded(observation_of(entry, MOST_LEARNED)) if entry.method not in SAFE_METHODS else None
        if before is not None and self._control is None:
            self._candidate.bridge.lose(entry, before)

    def _put_aside(self, aside: Aside) -> None:
        self._tally.put_aside(aside)
        self.settled += 1

    def _asked(self, bridged: Entry, route: Route, leg: Leg) -> Asked | Aside:
        if lacking := tokens.missing(bridged):
            return Aside("redacted", ", ".join(lacking))
        target = leg.sender.target
        return self._writer.write(bridged, route, target.upstream, target.side_on(route))

    def _compare(self, entry: Entry, route: Route, candidate: Observation, live: tuple[Observation, Entry] | None) -> None:
        side = self._candidate.sender.target.side_on(route)
        recorded = observation_of(entry, int(route.shadow.max_body))
        self._learn(self._candidate, entry, route, recorded, candidate)
        if live is None:
            control, asked = self._in_live_words(self._candidate.bridge, entry, recorded), entry
        else:
            control, asked = self._live_control(entry, route, recorded, live, candidate), live[1]
        version = _version(candidate, self._candidate.sender.target.upstream.version)
        if live is None and tokens.in_answer(entry.response):
            candidate, side = self._comparing.redacted(route, side, candidate), Side.LEGACY
        pair = Pair(
            route.name,
            str(route.stage),
            route.rules,
            Side.LEGACY if side is Side.MODERN else Side.MODERN,
            entry.method,
            asked.target,
            control,
            candidate,
            at=entry.at,
            headers=(*bytes_of(asked.request.headers), (b"Host", asked.host.encode("latin-1", "replace"))),
            body=asked.request.body or b"",
            version=version,
        )
        self._count(pair, route, version)

    def _count(self, pair: Pair, route: Route, version: str) -> None:
        finding = self._comparing.examine(route, pair, self._tally.wants)
        known = pair.control.duration > 0 and not pair.control.failure and not pair.candidate.failure
        times = (pair.control.duration, pair.candidate.duration) if known else None
        if finding.outcome is not None and version:
            self._tally.versions[version] += 1
        self._tally.add(route.name, finding, times, pair.candidate.failure)
        self.settled += 1

    def _live_control(
        self, entry: Entry, route: Route, recorded: Observation, live: tuple[Observation, Entry], candidate: Observation
    ) -> Observation:
        """The live control's answer in the candidate's words."""
        assert self._control is not None
        leg, (seen, asked) = self._control, live
        self._learn(leg, entry, route, recorded, seen)
        control = self._comparing.control(route, leg.sender.target.side_on(route), seen)
        before = decoded(control)
        after = self._comparing.as_client_sees(route, self._candidate.sender.target.side_on(route), candidate)
        if before is not None and after is not None:
            self._between.learn(asked, _client(entry), before, after)
        return self._in_live_words(self._between, asked, control)

    def _learn(self, leg: Leg, entry: Entry, route: Route, recorded: Observation, live: Observation) -> None:
        before = decoded(recorded)
        after = self._comparing.as_client_sees(route, leg.sender.target.side_on(route), live)
        if before is None or recorded.digest or live.digest:
            return
        if after is None:
            leg.bridge.lose(entry, before)
        else:
            leg.bridge.learn(entry, _client(entry), before, after)

    def _in_live_words(self, bridge: Bridge, entry: Entry, seen: Observation) -> Observation:
        answer = None if seen.digest else decoded(seen)
        if answer is None:
            return seen
        made = bridge.answer(entry, answer)
        return seen if made is answer else encoded(seen, made)


def _client(entry: Entry) -> str:
    """Whose cookies an entry has: without a word about it, all are one browser's."""
    return entry.client or "one"


def _version(seen: Observation, version: str) -> str:
    """The build that answered, by the header that names it (``header:x-build``)."""
    values = seen.values(version.removeprefix("header:").lower()) if version else []
    return values[0].decode("latin-1")[:100] if values else ""
