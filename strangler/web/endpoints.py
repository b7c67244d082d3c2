"""The API as a table: what can be asked, by whom, and with what. The OpenAPI document says the same, made from this."""

from __future__ import annotations

from strangler.control.accepting import WAYS
from strangler.core.model import NOISE_KINDS, Stage
from strangler.web import acting, data_endpoints, reading, recording, status
from strangler.web.actors import OPERATOR, VIEWER
from strangler.web.endpoint import Endpoint, Lane
from strangler.web.fields import duration, flag, percent, size, text, whole, word

_STAGES = tuple(str(stage) for stage in Stage)
_ONE_ROUTE = text("route", "a route's name; all if it is left out", longest=100)
_SUBJECT = text("route", "a route's name, or @GROUP", longest=101, required=True)
_REASON = text("reason", "why; the journal shows it")
_DRY_RUN = flag("dry_run", "say what would happen and why it would be refused; change nothing")
_SINCE = duration("since", "only of this time, such as 15m")
_REFUSED = {409: "refused: the guard, a hold or the proxy is against it; `error.done` says what is missing"}
_ACTING = {**_REFUSED, 502: "the file is changed, but not every worker decides by it yet", 503: "the journal cannot be written"}
_MISSING = {404: "there is no such thing"}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/api/status",
        "Stage, weight, traffic, agreement, latency, hold and verdict of every route, and what needs a person.",
        VIEWER,
        status.show_status,
        "Status",
    ),
    Endpoint(
        "GET",
        "/api/routes/{name}",
        "All that is known of one route.",
        VIEWER,
        status.show_route,
        "RouteStatus",
        errors=_MISSING,
    ),
    Endpoint(
        "GET",
        "/api/diffs",
        "How often the two sides agree and what they differ in, by route; with `cause`, that one with its examples.",
        VIEWER,
        reading.list_diffs,
        "Diffs",
        (
            _ONE_ROUTE,
            text("cause", "the beginning of a cause's id", longest=32),
            whole("limit", "causes of a route, or examples of a cause", 1000, 5),
            _SINCE,
        ),
        errors=_MISSING,
    ),
    Endpoint(
        "GET",
        "/api/diffs/{id}",
        "One mismatch, with both answers.",
        VIEWER,
        reading.show_diff,
        "Mismatch",
        errors=_MISSING,
    ),
    Endpoint(
        "GET",
        "/api/journal",
        "Who moved what, when, why, and what the guard said; newest first.",
        VIEWER,
        reading.list_journal,
        "Journal",
        (text("route", "a route's name, or @GROUP", longest=101), whole("limit", "the newest so many", 10_000, 20), _SINCE),
    ),
    Endpoint(
        "GET",
        "/api/ledger",
        "What became of every request that was seen.",
        VIEWER,
        reading.show_ledger,
        "Ledgers",
        (_ONE_ROUTE,),
        errors=_MISSING,
    ),
    Endpoint(
        "GET",
        "/api/what-if",
        "What a rule would do to the stored mismatches: which it clears, and what else it would hide.",
        VIEWER,
        reading.try_rule,
        "Tried",
        (text("rule", "such as `ignore $.generated_at`", required=True), _ONE_ROUTE),
        errors=_MISSING,
    ),
    Endpoint(
        "GET",
        "/api/history",
        "Agreement, who answered and how long it took, over time.",
        VIEWER,
        reading.show_history,
        "History",
        (_ONE_ROUTE, _SINCE, duration("step", "of a step, such as 30m")),
        errors=_MISSING,
    ),
    Endpoint(
        "GET",
        "/api/progress",
        "How far the migration is: routes and traffic by stage, milestones.",
        VIEWER,
        reading.show_progress,
        "Progress",
    ),
    *data_endpoints.ENDPOINTS,
    Endpoint(
        "POST",
        "/api/accepts",
        "Let a cause pass from now on: writes one rule into the file, and marks the cause.",
        OPERATOR,
        acting.accept_cause,
        "Accepted",
        (
            text("cause", "the beginning of its id", longest=32, required=True),
            word("as", "the list of rules to add to; what fits the cause if it is left out", *WAYS),
            word("kind", "of noise: the shape that the field must keep", *NOISE_KINDS),
            text("key", "of an unordered list: the member that pairs its items", longest=200),
            text("abs", "of a tolerance: how far two numbers may be apart", longest=40),
            text("seconds", "of a tolerance: how far two times may be apart", longest=40),
            _DRY_RUN,
        ),
        Lane.FLIP,
        {409: "refused: no rule can let it pass, or it is accepted already"},
    ),
    Endpoint(
        "POST",
        "/api/flips",
        "Move a route or a group to another place: up if the guard lets it, down without asking.",
        OPERATOR,
        acting.flip_route,
        "Done",
        (
            _SUBJECT,
            word("stage", "where to", *_STAGES, required=True),
            percent("weight", "of a canary; the ladder's first step if it is left out"),
            _REASON,
            flag("force", "whatever the guard says; needs a reason"),
            _DRY_RUN,
        ),
        Lane.FLIP,
        _ACTING,
    ),
    Endpoint(
        "POST",
        "/api/rollbacks",
        "Take a route or a group back at once; nothing climbs there again until somebody resumes.",
        OPERATOR,
        acting.roll_back,
        "Done",
        (_SUBJECT, word("to", "the stage; the usual one if it is left out", *_STAGES), _REASON, _DRY_RUN),
        Lane.ROLLBACK,
        _ACTING,
    ),
    Endpoint(
        "POST",
        "/api/cutovers",
        "Move a group's writes and the ownership of their data to modern, or back, in one step.",
        OPERATOR,
        acting.cut_over,
        "Cutover",
        (
            _SUBJECT,
            flag("back", "the other way: legacy gets writes and data again"),
            word("to", "with `back`: the stage; shadow if it is left out", "shadow", "legacy"),
            _REASON,
            flag("force", "whatever the guard says; needs a reason, and overrides nothing that is said against the data"),
            duration("hold", "how long writes may wait at most, such as 10s"),
            _DRY_RUN,
        ),
        Lane.FLIP,
        {
            409: "refused, or taken back; `error.done` says why",
            503: "not settled: its writes wait until both databases say the same",
        },
    ),
    Endpoint(
        "POST",
        "/api/recordings",
        "Record what passes, without its secrets, until a limit is reached or the connection ends.",
        OPERATOR,
        recording.record,
        "Recorded",
        (
            text("routes", "names of routes and @GROUPs, with commas between; everything if it is left out"),
            percent("sample", "the part of them that is recorded; all if it is left out"),
            duration("for", "how long; 10m if it is left out"),
            size("size", "how large the recording may become; 100MiB if it is left out"),
            text("count", "how many exchanges", longest=12),
            size("max_body", "of a body that is kept; 1MiB if it is left out"),
            text("keep", "header:NAME, with commas between: values that are kept WITH THEIR SECRETS"),
        ),
        errors={409: "refused: somebody is recording already"},
        streams=True,
    ),
    Endpoint(
        "POST",
        "/api/holds",
        "Let a route or a group climb no further.",
        OPERATOR,
        acting.hold_route,
        "Held",
        (_SUBJECT, _REASON),
        Lane.FLIP,
        {503: "the journal cannot be read or written"},
    ),
    Endpoint(
        "POST",
        "/api/resumes",
        "Let a route or a group climb again.",
        OPERATOR,
        acting.resume_route,
        "Resumed",
        (_SUBJECT, _REASON),
        Lane.FLIP,
        {503: "the journal cannot be read or written"},
    ),
)
