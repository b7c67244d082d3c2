"""What a guard looks at. Counts of one route, under its current rules and for the build of modern that answers now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strangler.core.guard.latency import Histogram


@dataclass(frozen=True, slots=True)
class Agreement:
    """Comparisons of one stratum. Identical requests count once per window.

    Attributes:
        method, status_class: of the stratum.
        agree: match or ignored.
        differ: mismatch, or the candidate failed.
        rare: whether it needs no proof of its own.
    """

    method: str
    status_class: str
    agree: int
    differ: int
    rare: bool = False

    @property
    def total(self) -> int:
        return self.agree + self.differ

    def __str__(self) -> str:
        return f"{self.method} {self.status_class}"


@dataclass(frozen=True, slots=True)
class Failures:
    """On the same requests: how many each side failed, with no answer or a 5xx. Where only modern was asked, legacy's number is
    what its usual share of failures comes to."""

    total: int = 0
    legacy: int = 0
    modern: int = 0


@dataclass(frozen=True, slots=True)
class Latency:
    """On the same requests."""

    legacy: Histogram
    modern: Histogram


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of one method's comparable traffic was compared."""

    method: str
    compared: int
    comparable: int


class DataState(StrEnum):
    """What is known of a mapping's data."""

    CLEAN = "clean"
    DRIFT = "drift"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Data:
    """One mapping that the route reads or writes.

    Attributes:
        lag: age of the last heartbeat that came through, in seconds; None if none did.
        why: of a state that is not clean, in words.
    """

    mapping: str
    state: DataState
    lag: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recent:
    """The last minutes alone, whatever build of modern answered.

    Attributes:
        minutes: how many.
        served: requests that clients had modern answer, if any; with the failures that they, or the fallback, met.
    """

    minutes: int = 15
    agreement: tuple[Agreement, ...] = ()
    failures: Failures = Failures()
    latency: Latency | None = None
    coverage: tuple[Covered, ...] = ()
    served: Failures = Failures()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one route, now.

    Attributes:
        route: name.
        unreadable: why nothing is known of what was compared, in words; "" if that can be read.
        version: build of modern that the samples are of; "" if modern's build is not known.
        others: builds that still answer beside it.
        names_version: whether the upstream is configured to say its build at all.
        agreement, failures, latency, coverage: since this build was first compared under these rules; agreement by stratum,
            coverage by method.
        recent: good old samples must not hide a bad new day.
        age: seconds since the last comparison; None if there was none.
        comparing: whether comparisons are being made and written down.
        healthy: whether modern answers its health check; None if it has none.
        per_hour: new samples per hour, as things are going.
        data: of each mapping that the route names.
        legacy_quiet: seconds since legacy served a request of this route last; None if that is not known.
        journal_complete: whether every flip of the route is settled.
    """

    route: str
    unreadable: str = ""
    version: str = ""
    others: tuple[str, ...] = ()
    names_version: bool = False
    agreement: tuple[Agreement, ...] = ()
    recent: Recent = Recent()
    failures: Failures = Failures()
    latency: Latency | None = None
    coverage: tuple[Covered, ...] = ()
    age: float | None = None
    comparing: bool = False
    healthy: bool | None = None
    per_hour: float = 0.0
    data: tuple[Data, ...] = ()
    legacy_quiet: float | None = None
    journal_complete: bool = False
