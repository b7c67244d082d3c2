"""The conditions of a step up, one function each: evidence and bars in, a finding in words out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import floor

from strangler.core.guard import increase, sequence
from strangler.core.guard.evidence import Agreement, Covered, Data, DataState, Evidence, Failures, Latency, Recent
from strangler.core.guard.latency import PERCENTILE, Histogram, ratio, samples_needed
from strangler.core.guard.verdict import Finding, Verdict, missing, together
from strangler.core.model import Guard

STALE_SECONDS = 3600.0  # without a comparison, after which "nothing was compared" is what there is to say
RARE = 0.1  # share of the traffic below which a stratum needs no proof of its own: it must not fail, and all must pass together
DISMISSAL = 0.01  # probability of ever failing a route that meets its bar, for all strata together
ALARM = 1e-4  # the same, for one look at the recent window

Condition = Callable[[Evidence, Guard], Finding]


def parity(evidence: Evidence, guard: Guard) -> Finding:
    """Whether the two agree often enough, in every stratum that is not rare."""
    strata = list(_strata(evidence.agreement))
    if not strata:
        more = sequence.samples_needed(0, 0, guard.match_rate, 1 - guard.confidence)
        return Finding("parity", Verdict.NOT_ENOUGH, f"nothing was compared; {missing(more, evidence.per_hour)}", more)
    share = evidence.per_hour / sum(stratum.total for stratum in evidence.agreement)
    found = [_agreement(stratum, guard, DISMISSAL / len(strata), stratum.total * share) for stratum in strata]
    return _worst("parity", found)


def recent(evidence: Evidence, guard: Guard) -> Finding:
    """Whether the last minutes alone are not clearly worse than the bar: good old samples must not hide a bad new day."""
    seen = evidence.recent
    good, bad = _sum(seen.agreement)
    found = [worse for part, counted in _failures_of(seen) if (worse := _worse(part, counted, guard, seen.minutes))]
    if seen.latency and _slower(seen.latency, guard, ALARM / 4):
        words = f"in the last {seen.minutes} min 95 % of modern's answers took {_percentiles(seen.latency)}"
        found.append(Finding("recent", Verdict.FAIL, f"{words}; {guard.latency_ratio:g} times legacy's is allowed"))
    if good + bad:
        words = f"{_percent(good, good + bad)} of {good + bad:,} samples of the last {seen.minutes} min agree"
        failed = sequence.below(good, bad, guard.match_rate, ALARM)
        needed = f", {_share(guard.match_rate)} needed" if failed else ""
        found.append(Finding("recent", Verdict.FAIL if failed else Verdict.PASS, words + needed))
    else:
        words = f"nothing was compared in the last {seen.minutes} min"
        found.append(Finding("recent", Verdict.NOT_ENOUGH, words))
    return _worst("recent", found)


def errors(evidence: Evidence, guard: Guard) -> Finding:
    """Whether modern fails not much more often than legacy."""
    counted, error = evidence.failures, 1 - guard.confidence
    sums = (counted.total, counted.modern, counted.legacy, guard.error_increase)
    words = (
        f"modern failed {counted.modern:,} and legacy {counted.legacy:,} of {counted.total:,} requests; "
        f"an increase of up to {_share(guard.error_increase)} is allowed"
    )
    if increase.beyond(*sums, DISMISSAL):
        return Finding("errors", Verdict.FAIL, words)
    if increase.within(*sums, error):
        return Finding("errors", Verdict.PASS, words)
    more = increase.samples_needed(*sums, error)
    return Finding("errors", Verdict.NOT_ENOUGH, f"{words}; {missing(more, evidence.per_hour)}", more)


def latency(evidence: Evidence, guard: Guard) -> Finding:
    """Whether modern's 95th percentile is not much above legacy's."""
    seen, error = evidence.latency, (1 - guard.confidence) / 4
    found = ratio(seen.modern, seen.legacy, error) if seen else None
    if seen is None or found is None:
        least = min(seen.modern.total, seen.legacy.total) if seen else 0
        more = sequence.samples_needed(least, 0, PERCENTILE, error)
        return Finding(
            "latency", Verdict.NOT_ENOUGH, f"{least:,} durations are too few; {missing(more, evidence.per_hour)}", more
        )
    low, high = found
    words = (
        f"95 % of modern's answers took {_percentiles(seen)}: between {low:.2f} and {high:.2f} times as long, "
        f"{guard.latency_ratio:g} allowed"
    )
    if high <= guard.latency_ratio:
        return Finding("latency", Verdict.PASS, words)
    if low > guard.latency_ratio:
        return Finding("latency", Verdict.FAIL, words)
    needed = samples_needed(seen.modern, seen.legacy, guard.latency_ratio, error)
    return Finding("latency", Verdict.NOT_ENOUGH, f"{words}; {missing(needed, evidence.per_hour)}", needed)


def coverage(evidence: Evidence, guard: Guard) -> Finding:
    """Whether enough of what can be compared was compared, for each method; and is being compared now."""
    if not any(method.comparable for method in evidence.coverage):
        return Finding("coverage", Verdict.NOT_ENOUGH, "no request could be compared yet")
    lately = f" of the last {evidence.recent.minutes} min"
    found = [
        *(_covered(method, guard, "") for method in evidence.coverage if method.comparable),
        *(_covered(method, guard, lately) for method in evidence.recent.coverage if method.comparable),
    ]
    return _worst("coverage", found)


def version(evidence: Evidence, guard: Guard) -> Finding:
    """Whether it is known which build of modern the samples are of."""
    if evidence.version:
        also = f"; {' and '.join(evidence.others)} still answer, too, and count only as recent samples" if evidence.others else ""
        return Finding("version", Verdict.PASS, f"all samples are of modern's build {evidence.version}{also}")
    words = (
        "modern's answers do not name their build"
        if evidence.names_version
        else "it is not known which build of modern was compared: name the header that says so, `version: header:x-build`"
    )
    return Finding("version", Verdict.NOT_ENOUGH, words)


def comparing(evidence: Evidence, guard: Guard) -> Finding:
    """Whether comparisons are being made now."""
    if not evidence.comparing:
        return Finding("comparing", Verdict.NOT_ENOUGH, "no evidence is being written: is `strangler serve` running?")
    if evidence.age is None or not evidence.age <= STALE_SECONDS:
        words = "nothing was compared yet" if evidence.age is None else f"nothing was compared for {evidence.age / 60:.0f} min"
        return Finding("comparing", Verdict.NOT_ENOUGH, words)
    return Finding("comparing", Verdict.PASS, f"the last comparison was {_minutes(evidence.age)} ago")


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
    days, needed = evidence.legacy_quiet // 8640 / 10, guard.quiet / 86400  # not rounded up to what is needed
    words = f"legacy has not served this route for {days:.1f} days, {needed:g} needed"
    return Finding("quiet", Verdict.PASS if evidence.legacy_quiet >= guard.quiet else Verdict.NOT_ENOUGH, words)


def journal(evidence: Evidence, guard: Guard) -> Finding:
    """Whether every flip of the route is settled."""
    if evidence.journal_complete:
        return Finding("journal", Verdict.PASS, "the journal is complete")
    return Finding("journal", Verdict.FAIL, "a flip of this route is not settled: see `strangler journal`")


_NO_DATA = Finding("data", Verdict.PASS, "the route names no mappings")


def _strata(agreement: Sequence[Agreement]) -> Iterator[Agreement]:
    """Those to be judged by themselves, the rare ones, and all together."""
    total = sum(stratum.total for stratum in agreement)
    rare = [stratum for stratum in agreement if stratum.total < RARE * total]
    yield from (stratum for stratum in agreement if stratum.total and stratum not in rare)
    yield from (replace(stratum, rare=True) for stratum in rare if stratum.total)
    if len(agreement) > 1:
        yield Agreement("all", "together", *_sum(agreement))


def _agreement(stratum: Agreement, guard: Guard, dismissal: float, per_hour: float) -> Finding:
    good, bad, error = stratum.agree, stratum.differ, 1 - guard.confidence
    low, _ = sequence.bounds(good, bad, error)
    agree, needed = f"{stratum}: {_percent(good, good + bad)} of {good + bad:,} agree", f"{_share(guard.match_rate)} needed"
    if sequence.below(good, bad, guard.match_rate, dismissal):
        return Finding("parity", Verdict.FAIL, f"{agree}, {needed}")
    words = f"{agree}, at least {floor(low * 1e6) / 1e4:.4f}% with {_share(guard.confidence)} confidence, {needed}"
    if stratum.rare or sequence.above(good, bad, guard.match_rate, error):
        return Finding("parity", Verdict.PASS, words)
    more = sequence.samples_needed(good, bad, guard.match_rate, error)
    return Finding("parity", Verdict.NOT_ENOUGH, f"{words}; {missing(more, per_hour)}", more)


def _failures_of(seen: Recent) -> Iterator[tuple[str, Failures]]:
    yield "requests that both were asked", seen.failures
    yield "requests that modern was to answer", seen.served


def _worse(part: str, counted: Failures, guard: Guard, minutes: int) -> Finding | None:
    """Whether modern failed clearly more of these; if not, that is not worth a word beside the agreement."""
    if not increase.beyond(counted.total, counted.modern, counted.legacy, guard.error_increase, ALARM):
        return None
    words = (
        f"modern failed {counted.modern:,} of {counted.total:,} {part} in the last {minutes} min, "
        f"legacy {counted.legacy:,}; an increase of up to {_share(guard.error_increase)} is allowed"
    )
    return Finding("recent", Verdict.FAIL, words)


def _slower(seen: Latency, guard: Guard, error: float) -> bool:
    found = ratio(seen.modern, seen.legacy, error)
    return found is not None and found[0] > guard.latency_ratio


def _percentiles(seen: Latency) -> str:
    return f"up to {_percentile(seen.modern)}, legacy's {_percentile(seen.legacy)}"


def _percentile(histogram: Histogram) -> str:
    found = histogram.percentile
    return _duration(found) if found <= histogram.bounds[-1] else f"more than {_duration(histogram.bounds[-1])}"


def _covered(method: Covered, guard: Guard, lately: str) -> Finding:
    enough = method.compared >= guard.coverage * method.comparable
    words = (
        f"{method.method}: {_percent(method.compared, method.comparable)} of {method.comparable:,} comparable requests{lately} "
        f"were compared, {_share(guard.coverage)} needed"
    )
    return Finding("coverage", Verdict.PASS if enough else Verdict.NOT_ENOUGH, words)


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


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
