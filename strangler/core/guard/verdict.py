"""Three verdicts, for a condition and for all of them, and the words that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Of a condition, or of the guard as a whole."""

    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH = "not enough data"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one condition came to.

    Attributes:
        condition: its name: parity, recent, errors, latency, coverage, version, comparing, health, data, quiet, journal; or
            evidence, if there is none that can be read.
        words: one clause with the numbers, and what is missing if anything is.
        more: how many more samples it needs, as far as that can be said; None if it is not samples that are missing.
    """

    condition: str
    verdict: Verdict
    words: str
    more: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All conditions of a step. It passes only if there are some and all of them pass."""

    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        return together([finding.verdict for finding in self.findings])

    @property
    def unmet(self) -> tuple[Finding, ...]:
        """What stands in the way, failures first."""
        return tuple(
            finding for verdict in (Verdict.FAIL, Verdict.NOT_ENOUGH) for finding in self.findings if finding.verdict is verdict
        )


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of several: a failure fails, doubt is doubt, and nothing at all is doubt too."""
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts and all(verdict is Verdict.PASS for verdict in verdicts) else Verdict.NOT_ENOUGH


def about(hours: float) -> str:
    """How long something takes, roughly, in words."""
    if hours < 1 / 60:
        return "less than a minute"
    if hours < 1:
        return f"about {round(hours * 60)} min"
    if hours < 48:
        return f"about {hours:.0f} h" if hours >= 10 else f"about {hours:.1f} h"
    return f"about {round(hours / 24)} days" if hours < 366 * 24 else "more than a year"


def missing(more: int | None, per_hour: float) -> str:
    """How many more samples, and how long that takes at current traffic."""
    if more is None:
        return "no number of samples like these will show it"
    if not per_hour > 0:
        return f"{more:,} more samples needed; there is no traffic now"
    return f"{more:,} more samples needed, {about(more / per_hour)} at current traffic"
