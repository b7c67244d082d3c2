"""What can become of a request in the ledger, in closed sets of words that double as metric labels (DESIGN, sections 1 and 7)."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Of a comparison."""

    MATCH = "match"
    IGNORED = "ignored"  # differs only where rules allow it, or by replication lag only
    MISMATCH = "mismatch"
    CANDIDATE_FAILED = "candidate_failed"


# Why a request was not compared, by label. The sentence is for people.
SKIPS: dict[str, str] = {
    "stage": "the route stands at a stage at which nothing is copied",
    "method": "the method is not among shadow.methods",
    "sample": "not in the sample",
    "conditional": "control answered a condition or a range (304, 206, 412, 416), which holds for this client only",
    "upgrade": "another protocol was offered, which a copy cannot switch to",
    "stream": "control's answer is an endless stream",
    "control_failed": "control gave no whole answer",
    "client_gone": "the client left before control's answer was complete",
    "request_body": "the request's body is larger than shadow.max_body, or control answered before all of it had come",
    "body_cap": "the answers are larger than shadow.max_body, and not equal",
    "signed": "a signed callback: a copy would be a replay",
    "concurrency": "as many shadow requests were in flight as shadow.concurrency, or the worker, allows",
    "budget": "the worker held as many bytes for shadow requests as it may",
    "busy": "the worker was so busy that clients waited, and they come first",
    "unhealthy": "the candidate is out of service by its health checks",
    "breaker_open": "the breaker for shadow requests to the candidate is open",
    "identity": "it could not be found out for the candidate who is asking",
    "adapt_path": "the request's path cannot be translated for modern",
    "stopping": "the worker was stopping",
    "engine_error": "an error in the proxy itself; its log says which",
    "undecodable": "control's answer could not be decoded",
    "too_complex": "the answers are nested too deep or are too large to compare",
    "compare_timeout": "comparing took too long",
    "compare_failed": "the route's own comparison raised an error",
    "rules_gone": "the route's rules changed before the pair was compared",
}

# Skips that are nobody's fault and do not lower coverage.
INTENDED = frozenset({"stage", "method", "sample", "conditional", "upgrade"})


class Lost(StrEnum):
    """Where a request was lost, whose outcome nobody can know any more."""

    WORKER = "worker"  # it died
    QUEUE = "queue"  # the worker could not hand it over fast enough
    CONTROL = "control"  # it died, or was too slow
