"""Two answers to one replayed request, compared as the proxy's evidence is: by the route's rules, translated, redacted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from strangler.control.replaying.recorded import decoded, encoded, redacted
from strangler.core.answer import Answer
from strangler.core.compare.quick import Quick, same
from strangler.core.compare.rules import Rules, rules_for
from strangler.core.model import Config, Route, Side
from strangler.core.observation import Observation, Pair
from strangler.core.origins import Origins
from strangler.core.outcome import Outcome
from strangler.core.records import Cause
from strangler.core.redact import Redactor
from strangler.evidence.answers import AdaptError, Translation
from strangler.evidence.comparator import Examiner
from strangler.evidence.finding import Finding, stratum_of
from strangler.proxy.hooks import load_hook

Wants = Callable[[str, Cause], bool]


class Comparing:
    """Compares for all routes of a configuration. Not for several threads at once.

    Args:
        key: of the tokens that stand for secrets.
        origins: names of every system that is asked.
    """

    def __init__(self, config: Config, key: bytes, origins: Origins) -> None:
        self._folder, self._key, self._origins = config.folder, key, origins
        self._kits: dict[str, _Kit] = {}

    def examine(self, route: Route, pair: Pair, wants: Wants) -> Finding:
        """What a pair shows. Raises UsageError for a function that cannot be loaded."""
        kit = self._kit(route)
        if not pair.control.failure and pair.control.status and same(pair, kit.rules) is Quick.MATCH:
            return Finding(stratum_of(pair), pair.at, outcome=Outcome.MATCH)
        return kit.examiner.examine(pair, lambda cause: wants(route.name, cause))

    def as_client_sees(self, route: Route, side: Side, seen: Observation) -> Answer | None:
        """The answer of one side, decoded and translated; None if there is none that a client would see."""
        answer = decoded(seen)
        translation = self._kit(route).translation
        if answer is None or side is not Side.MODERN or not translation:
            return answer
        try:
            return translation.apply(answer)
        except AdaptError:
            return None

    def control(self, route: Route, side: Side, seen: Observation) -> Observation:
        """A live control's answer as clients would see it: of a pair, only the candidate's is translated."""
        if side is not Side.MODERN or not self._kit(route).translation or decoded(seen) is None:
            return seen
        answer = self.as_client_sees(route, side, seen)
        return replace(seen, status=0, failure="untranslatable") if answer is None else encoded(seen, answer)

    def redacted(self, route: Route, side: Side, seen: Observation) -> Observation:
        """An answer with tokens for its secrets, as the recording has them."""
        answer = self.as_client_sees(route, side, seen)
        return seen if answer is None else redacted(encoded(seen, answer), self._kit(route).redactor)

    def _kit(self, route: Route) -> _Kit:
        if route.name not in self._kits:
            self._kits[route.name] = _Kit(route, self._key, self._load, self._origins)
        return self._kits[route.name]

    def _load(self, name: str) -> Callable[..., Any]:
        return load_hook(name, self._folder)


class _Kit:
    """What comparing on one route takes, made once."""

    def __init__(self, route: Route, key: bytes, load: Callable[[str], Callable[..., Any]], origins: Origins) -> None:
        self.rules: Rules = rules_for(route)
        self.examiner = Examiner(route, key, load, origins)
        self.translation = Translation(route.adapt.response, load)
        self.redactor = Redactor(route.redact, key, [route.match.path])
