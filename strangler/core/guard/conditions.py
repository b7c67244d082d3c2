"""The conditions of a step up, one function each: evidence and bars in, a finding in words out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from strangler.core.guard import increase, sequence
from strangler.core.guard.evidence import Agreement, Data, DataState, Evidence
from strangler.core.guard.latency import ratio
from strangler.core.guard.verdict import Finding, Verdict, missing, together
from strangler.core.model import Guard

STALE_SECONDS = 900.0  # without a comparison, after which "nothing was compared" is what there is to say
RARE = 0.01  # share of the traffic below which a stratum is judged together with the other rare ones
DISMISSAL = 0.01  # probability of ever failing a route that meets its bar, for all strata together
ALARM = 1e-4  # the same, for one look at the recent window
LEAST_LATENCIES = 100

Condition = Callable[[Evidence, Guard], Finding]


def parity(evidence: Evidence, guard: Guard) -> Finding:
    """Whether the two agree often enough, in every stratum that is not rare."""
    strata = list(_strata(evidence.agreement))
    if not strata:
        more = sequence.samples_needed(0, 0, guard.match_rate, 1 - guard.confidence)
        return Finding("parity", Verdict.NOT_ENOUGH, f"nothing was compared; {missing(more, evidence.per_hour)}", more)
    found = [_agreement(stratum, guard, DISMISSAL / len(strata), evidence.per_hour) for stratum in strata]
    return _worst("parity", found)


def recent(evidence: Evidence, guard: Guard) -> Finding:
    """Whether the recent window alone is not clearly worse than the bar: good old samples must not hide a bad new day."""
    good, bad = _sum(evidence.recent)
    if not good + bad:
        return Finding("recent", Verdict.NOT_ENOUGH, "nothing was compared recently")
    words = f"{_percent(good, good + bad)} of {good + bad:,} recent samples agree"
    failed = sequence.below(good, bad, guard.match_rate, ALARM)
    return Finding("recent", Verdict.FAIL if failed else Verdict.PASS, words)


def errors(evidence: Evidence, guard: Guard) -> Finding:
    """Whether modern fails not much more often than legacy."""
    counted, error = evidence.failures, 1 - guard.confidence
    sums = (counted.total, counted.modern, counted.legacy, guard.error_increase)
    words = (
        f"modern failed {counted.modern:,} and legacy {counted.legacy:,} of {counted.total:,} requests; "
        f"an increase of up to {guard.error_increase:.2%} is allowed"
    )
    if increase.beyond(*sums, DISMISSAL):
        return Finding("errors", Verdict.FAIL, words)
    if increase.within(*sums, error):
        return Finding("errors", Verdict.PASS, words)
    more = increase.samples_needed(*sums, error)
    return Finding("errors", Verdict.NOT_ENOUGH, f"{words}; {missing(more, evidence.per_hour)}", more)


def latency(evidence: Evidence, guard: Guard) -> Finding:
    """Whether modern's 95th percentile is not much above legacy's."""
    seen = evidence.latency
    found = ratio(seen.modern, seen.legacy, (1 - guard.confidence) / 4) if seen else None
    if seen is None or found is None:
        more = max(LEAST_LATENCIES - (seen.modern.total if seen else 0), 1)
        return Finding("latency", Verdict.NOT_ENOUGH, f"too few durations; {missing(more, evidence.per_hour)}", more)
    low, high = found
    words = (
        f"95 % of modern's answers within {_milliseconds(seen.modern.percentile)}, legacy's "
        f"{_milliseconds(seen.legacy.percentile)}: ratio {low:.2f} to {high:.2f}, allowed {guard.latency_ratio:g}"
    )
    if high <= guard.latency_ratio:
        return Finding("latency", Verdict.PASS, words)
    return Finding("latency", Verdict.FAIL if low > guard.latency_ratio else Verdict.NOT_ENOUGH, words)


def coverage(evidence: Evidence, guard: Guard) -> Finding:
    """Whether enough of what can be compared was compared, for each method."""
    if not any(method.comparable for method in evidence.coverage):
        return Finding("coverage", Verdict.NOT_ENOUGH, "no request could be compared yet")
    found = [
        Finding(
            "coverage",
            Verdict.PASS if method.compared >= guard.coverage * method.comparable else Verdict.NOT_ENOUGH,
            f"{method.method}: {_percent(method.compared, method.comparable)} of {method.comparable:,} comparable requests "
            f"were compared, {_share(guard.coverage)} needed",
        )
        for method in evidence.coverage
        if method.comparable
    ]
    return _worst("coverage", found)


def version(evidence: Evidence, guard: Guard) -> Finding:
    """Whether it is known which build of modern the samples are of."""
    if evidence.version:
        return Finding("version", Verdict.PASS, f"all samples are of modern's build {evidence.version}")
    words = (
        "modern's answers do not name their build"
        if evidence.names_version
        else "it is not known which build of modern was compared: name the header that says so, `version: header:x-build`"
    )
    return Finding("version", Verdict.NOT_ENOUGH, words)


def comparing(evidence: Evidence, guard: Guard) -> Finding:
    """Whether comparisons are being made now."""
    if not evidence.comparing:
        return Finding("comparing", Verdict.NOT_ENOUGH, "comparing has stopped: see `strangler status`")
    if evidence.age is None or evidence.age > STALE_SECONDS:
        since = "ever" if evidence.age is None else f"for {evidence.age / 60:.0f} min"
        return Finding("comparing", Verdict.NOT_ENOUGH, f"nothing was compared {since}")
    return Finding("comparing", Verdict.PASS, f"the last comparison was {evidence.age:.0f} s ago")


def health(evidence: Evidence, guard: Guard) -> Finding:
    """Whether modern answers its health check."""
    if evidence.healthy is None:
        words = "modern has no health check: give its upstream `health: {path: /healthz}`"
        return Finding("health", Verdict.NOT_ENOUGH, words)
    if evidence.healthy:
        return Finding("health", Verdict.PASS, "modern answers its health check")
    return Finding("health", Verdict.FAIL, "modern does not answer its health check")


def data(evidence: Evidence, guard: Guard) -> Finding:
    """Whether what the route reads is the same on both sides, and fresh."""
    return _worst("data", [_mapping(mapping, guard) for mapping in evidence.data] or [_NO_DATA])


def quiet(evidence: Evidence, guard: Guard) -> Finding:
    """Whether legacy has been unused for long enough."""
    if evidence.legacy_quiet is None:
        return Finding("quiet", Verdict.NOT_ENOUGH, "it is not known when legacy served this route last")
    days, needed = evidence.legacy_quiet / 86400, guard.quiet / 86400
    words = f"legacy has not served this route for {days:.1f} days, {needed:g} needed"
    return Finding("quiet", Verdict.PASS if evidence.legacy_quiet >= guard.quiet else Verdict.NOT_ENOUGH, words)


def journal(evidence: Evidence, guard: Guard) -> Finding:
    """Whether every flip of the route is settled."""
    if evidence.journal_complete:
        return Finding("journal", Verdict.PASS, "the journal is complete")
    return Finding("journal", Verdict.FAIL, "a flip of this route is not settled: see `strangler journal`")


_NO_DATA = Finding("data", Verdict.PASS, "the route names no mappings")


def _strata(agreement: Sequence[Agreement]) -> Iterator[Agreement]:
    """Those to be judged by themselves, and the rare ones together."""
    total = sum(stratum.total for stratum in agreement)
    rare = [stratum for stratum in agreement if stratum.total < RARE * total]
    yield from (stratum for stratum in agreement if stratum.total and stratum not in rare)
    good, bad = _sum(rare)
    if good + bad:
        yield Agreement("the rest,", "rare", good, bad)


def _agreement(stratum: Agreement, guard: Guard, dismissal: float, per_hour: float) -> Finding:
    good, bad, error = stratum.agree, stratum.differ, 1 - guard.confidence
    low, _ = sequence.bounds(good, bad, error)
    words = (
        f"{stratum}: {_percent(good, good + bad)} of {good + bad:,} agree, at least {low:.4%} with "
        f"{_share(guard.confidence)} confidence, {_share(guard.match_rate)} needed"
    )
    if sequence.below(good, bad, guard.match_rate, dismissal):
        return Finding("parity", Verdict.FAIL, words)
    if stratum.status_class == "rare" or sequence.above(good, bad, guard.match_rate, error):
        return Finding("parity", Verdict.PASS, words)
    more = sequence.samples_needed(good, bad, guard.match_rate, error)
    return Finding("parity", Verdict.NOT_ENOUGH, f"{words}; {missing(more, per_hour)}", more)


def _mapping(mapping: Data, guard: Guard) -> Finding:
    name = mapping.mapping
    if mapping.state is not DataState.CLEAN:
        verdict = Verdict.FAIL if mapping.state is DataState.DRIFT else Verdict.NOT_ENOUGH
        return Finding("data", verdict, f"{name}: {mapping.why or mapping.state}")
    if mapping.lag is None:
        return Finding("data", Verdict.NOT_ENOUGH, f"{name}: no heartbeat has come through")
    if not mapping.lag <= guard.max_lag:
        return Finding("data", Verdict.NOT_ENOUGH, f"{name}: {mapping.lag:.1f} s behind, {guard.max_lag:g} s allowed")
    return Finding("data", Verdict.PASS, f"{name}: clean, {mapping.lag:.1f} s behind")


def _worst(condition: str, found: Sequence[Finding]) -> Finding:
    """One finding of several: the worst counts, and the words of all who share it stand."""
    verdict = together([finding.verdict for finding in found])
    told = [finding for finding in found if finding.verdict is verdict]
    more = [finding.more for finding in told if finding.more is not None]
    return Finding(condition, verdict, "; ".join(finding.words for finding in told), max(more) if more else None)


def _sum(agreement: Sequence[Agreement]) -> tuple[int, int]:
    return sum(stratum.agree for stratum in agreement), sum(stratum.differ for stratum in agreement)


def _percent(part: int, total: int) -> str:
    """A share that is not rounded up to a whole that it is not."""
    text = f"{part / total:.2%}"
    return "99.99%+" if part < total and text == "100.00%" else text


def _share(share: float) -> str:
    return f"{share * 100:.6g}%"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
