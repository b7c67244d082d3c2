"""What a worker does with what the engine saw of shadowed requests: counts, judges at a glance, and hands on what needs a look.

It never waits, never opens a body, and what it cannot hand on it counts as lost. Which cells it adds to says `witnessed`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace

from strangler.control.cells import Region
from strangler.control.gathering.courier import Courier
from strangler.control.gathering.pairs import seal
from strangler.control.gathering.witnessed import (
    AGAIN,
    AGAIN_EQUAL,
    AGAIN_QUEUE,
    ARM,
    BOUNDS,
    ERRORS,
    FAILURES,
    MEANT,
    MICROSECONDS,
    PAIRS,
    QUEUE,
    REASONS,
    ROUTE,
    SEEN,
    SKIPPED,
    judged_cell,
)
from strangler.core.compare.quick import Quick, equal, same
from strangler.core.compare.rules import Rules, rules_for
from strangler.core.model import Route
from strangler.core.observation import About, Answer, Observation, Pair
from strangler.core.outcome import INTENDED, Outcome

MOST_VERSIONS = 32  # of modern that one worker tells apart on a route: an answer's header could make up any number
OTHER = "other"
_LONGEST_VERSION, _LONGEST_METHOD = 64, 32  # characters
_MATCH, _REPEATED_MATCH = judged_cell(Outcome.MATCH, False), judged_cell(Outcome.MATCH, True)
_MOST_PLACES = 20_000  # remembered


@dataclass(frozen=True, slots=True)
class _Place:
    """Where pairs count that are alike in route, stage, rules, side, version, method and status.

    Attributes:
        rules: by which they are compared.
        version, method: as they are counted.
        judged, control, candidate, meant: rows about the pairs, about either arm, and about the method.
    """

    rules: Rules
    version: str
    method: str
    judged: int
    control: int
    candidate: int
    meant: int


class Witness:
    """The one writer of the rows about shadowed requests in a worker's region.

    Args:
        courier: takes what needs a look; whether there was room is all it may tell.
    """

    def __init__(self, region: Region, courier: Courier) -> None:
        self._region, self._cells, self._courier = region, region.cells, courier
        self._routes: dict[str, int] = {}
        self._skipped: dict[str, int] = {}
        self._meant: dict[tuple[str, str, str], int] = {}
        self._places: dict[About, _Place] = {}
        self._rules: dict[tuple[str, str], Rules] = {}
        self._versions: dict[str, set[str]] = {}
        self._revision = 0

    def use(self, revision: int) -> None:
        """Requests are decided by this revision of the configuration from now on."""
        self._revision = revision
        self._rules, self._places = {}, {}

    def seen(self, route: Route) -> None:
        """A request of a route has come."""
        self._cells[self._row_of(route.name) + SEEN] += 1

    def skipped(self, route: Route, reason: str, method: str) -> None:
        """It was not compared, and never will be."""
        if reason not in INTENDED:
            self._cells[self._row_of_method(route.name, route.stage, method[:_LONGEST_METHOD])] += 1
        self._skip(route, reason)

    def _skip(self, route: Route, reason: str) -> None:
        row = self._skipped.get(route.name)
        if row is None:
            row = self._skipped[route.name] = self._region.row((SKIPPED, route.name))
        self._cells[row + REASONS[reason]] += 1

    def alike(self, about: About, repeated: bool, control: Answer, candidate: Answer) -> bool:
        """Two whole answers to it are there: count them if they are equal for sure. The first that count somewhere come as a
        pair in any case, which finds the place."""
        place = self._places.get(about)
        if place is None or not equal(control, candidate, about[3], place.rules):
            return False
        self._took(place.control, control)
        self._took(place.candidate, candidate)
        self._cells[place.meant] += 1
        self._cells[place.judged + (_REPEATED_MATCH if repeated else _MATCH)] += 1
        return True

    def paired(self, pair: Pair, route: Route) -> None:
        """Both answers to it are there. If anything is wrong here, that is an end as well, and then raised."""
        try:
            if pair.again:
                self._asked_again(pair, route)
            else:
                self._weigh(pair, route)
        except BaseException:
            if not pair.again:
                self.skipped(route, "engine_error", pair.method)
            raise

    def _weigh(self, pair: Pair, route: Route) -> None:
        """Does nothing after the one step that counts the pair or hands it on."""
        about = pair.about
        place = self._places.get(about) or self._find(about, pair, route)
        glance = same(pair, place.rules)
        self._time(place.control, pair.control)
        self._time(place.candidate, pair.candidate)
        self._cells[place.meant] += 1
        if glance is Quick.BODY_CAP:
            self._skip(route, glance.value)
        elif glance is not Quick.LOOK:
            outcome = Outcome.MATCH if glance is Quick.MATCH else Outcome.CANDIDATE_FAILED
            self._cells[place.judged + judged_cell(outcome, pair.repeated)] += 1
        elif not self._hand(pair.route, pair, place.version, place.method):
            self._cells[self._row_of(pair.route) + QUEUE] += 1

    def _asked_again(self, pair: Pair, route: Route) -> None:
        row = self._row_of(pair.route)
        glance = same(pair, self._rules_of(pair, route))
        self._cells[row + AGAIN] += 1
        if glance is Quick.MATCH:
            self._cells[row + AGAIN_EQUAL] += 1
        elif glance is Quick.LOOK and not self._hand("", pair, *self._told_apart(pair)):
            self._cells[row + AGAIN_QUEUE] += 1

    def _hand(self, counted: str, pair: Pair, version: str, method: str) -> bool:
        if (version, method) != (pair.version, pair.method):
            pair = replace(pair, version=version, method=method)
        return self._courier.hand(counted, seal(pair, self._revision))

    def _time(self, row: int, answer: Observation) -> None:
        if answer.failure:
            self._cells[row + FAILURES] += 1
        else:
            self._took(row, answer)

    def _took(self, row: int, answer: Answer) -> None:
        self._cells[row + bisect_left(BOUNDS, answer.duration)] += 1
        self._cells[row + MICROSECONDS] += int(answer.duration * 1_000_000)
        if answer.status >= 500:
            self._cells[row + ERRORS] += 1

    def _find(self, about: About, pair: Pair, route: Route) -> _Place:
        version, method = self._told_apart(pair)
        step = (pair.route, pair.stage)
        stratum = (*step, str(pair.control_side), pair.rules, version, method, pair.control.status_class)
        place = _Place(
            self._rules_of(pair, route),
            version,
            method,
            self._region.row((PAIRS, *stratum)),
            self._region.row((ARM, *step, version, str(pair.control_side))),
            self._region.row((ARM, *step, version, str(pair.candidate_side))),
            self._row_of_method(*step, method),
        )
        if len(self._places) >= _MOST_PLACES:
            self._places.clear()
        self._places[about] = place
        return place

    def _rules_of(self, pair: Pair, route: Route) -> Rules:
        """Made ready at the first pair: that costs more than many comparisons."""
        rules = self._rules.get((pair.route, pair.rules))
        if rules is None:
            rules = self._rules[pair.route, pair.rules] = rules_for(route)
        return rules

    def _told_apart(self, pair: Pair) -> tuple[str, str]:
        """A version and a method that there are not too many of, and that fit into a row's key."""
        known = self._versions.setdefault(pair.route, {"", OTHER})
        version = "".join(each if " " <= each <= "~" else "?" for each in pair.version[:_LONGEST_VERSION])
        if len(known) < MOST_VERSIONS:
            known.add(version)
        return version if version in known else OTHER, pair.method[:_LONGEST_METHOD]

    def _row_of_method(self, route: str, stage: str, method: str) -> int:
        row = self._meant.get((route, stage, method))
        if row is None:
            row = self._meant[route, stage, method] = self._region.row((MEANT, route, stage, method))
        return row

    def _row_of(self, route: str) -> int:
        row = self._routes.get(route)
        if row is None:
            row = self._routes[route] = self._region.row((ROUTE, route))
        return row
