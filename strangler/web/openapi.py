"""The OpenAPI document: from the table of endpoints, and from what their answers look like, which is written down here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from strangler.core.model import Stage
from strangler.core.outcome import Outcome
from strangler.web.answers import LINES
from strangler.web.endpoint import Endpoint

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer"}
SECONDS: Schema = {"type": "number", "description": "seconds"}
AT: Schema = {"type": "number", "description": "seconds since 1970"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
ANYTHING: Schema = {}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    """An object of whatever names."""
    return {"type": "object", "additionalProperties": schema}


def thing(**members: Schema) -> Schema:
    """An object that has all these members. A member named ``from_`` is called ``from``."""
    named = {name.rstrip("_"): schema for name, schema in members.items()}
    return {"type": "object", "properties": named, "required": list(named)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_STAGE: Schema = {"type": "string", "enum": [str(stage) for stage in Stage]}
_EXAMPLE = {
    "id": TEXT,
    "at": AT,
    "route": TEXT,
    "outcome": {"type": "string", "enum": [str(outcome) for outcome in Outcome]},
    "method": TEXT,
    "target": TEXT,
    "request_id": TEXT,
    "control": TEXT,
    "version": TEXT,
    "differences": COUNT,
    "causes": many(ref("Pattern")),
    "cause_ids": many(TEXT),
}
_CAUSE = {
    "id": TEXT,
    "route": TEXT,
    "rules": TEXT,
    "version": TEXT,
    "pattern": TEXT,
    "kind": TEXT,
    "transform": TEXT,
    "words": TEXT,
    "count": COUNT,
    "first_seen": AT,
    "last_seen": AT,
    "state": {"type": "string", "enum": ["open", "accepted"]},
}
ENDS = ("time", "count", "size", "stopping", "scribe")  # of a recording
_RATE: Schema = {"type": "number", "description": "requests per second"}
_STATUS = {
    "now": AT,
    "proxy": thing(pid=maybe(COUNT), workers=maybe(COUNT), serves_the_file=FLAG, problems=many(TEXT), silent=maybe(TEXT)),
    "trouble": many(TEXT),
    "attention": many(thing(name=TEXT, words=TEXT, command=maybe(TEXT))),
    "cutover": maybe(
        thing(cutover=TEXT, name=TEXT, routes=many(TEXT), mappings=many(TEXT), to=TEXT, actor=TEXT, at=AT, decided=FLAG)
    ),
}

SCHEMAS: Mapping[str, Schema] = {
    "Error": {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "code": {**TEXT, "description": "a word for programs"},
                    "message": {**TEXT, "description": "for people; says what to do"},
                    "exit_code": {**COUNT, "description": "what a command would have ended with"},
                    "problems": many(TEXT),
                    "done": {"anyOf": [ref("Done"), ref("Cutover")]},
                },
                "required": ["code", "message"],
            }
        },
        "required": ["error"],
    },
    "Session": thing(user=TEXT, role={"type": "string", "enum": ["viewer", "operator"]}),
    "Place": thing(stage=_STAGE, weight=SHARE),
    "Flip": thing(route=TEXT, from_=ref("Place"), to=ref("Place")),
    "Finding": thing(condition=TEXT, verdict=TEXT, words=TEXT, more=maybe(COUNT)),
    "Judgement": thing(verdict=TEXT, findings=many(ref("Finding"))),
    "Done": thing(
        effect={**TEXT, "description": "live, at the next start, planned, nothing to do, or refused"},
        flip={**maybe(TEXT), "description": "its name in the journal"},
        flips=many(ref("Flip")),
        objections={**many(TEXT), "description": "why it is refused, or would be"},
        judgements=by_name(ref("Judgement")),
        held={**many(TEXT), "description": "routes that a hold was set on"},
        notes=many(TEXT),
        workers=maybe(COUNT),
        seconds=SECONDS,
    ),
    "Cutover": thing(
        effect={**TEXT, "description": "live, planned, refused, reverted, or unsettled"},
        cutover={**maybe(TEXT), "description": "its name"},
        flips=many(ref("Flip")),
        mappings=many(TEXT),
        objections={**many(TEXT), "description": "why it is refused, or would be"},
        why={**maybe(TEXT), "description": "it was taken back, or is not settled"},
        judgements=by_name(ref("Judgement")),
        rehearsal={"type": "object"},
        owners=by_name(thing(owner=TEXT, epoch=COUNT)),
        steps={**by_name(SECONDS), "description": "how long each took"},
        held={**maybe(SECONDS), "description": "how long writes waited at most"},
        waited={**COUNT, "description": "writes that waited when they were let go"},
        notes=many(TEXT),
        seconds=SECONDS,
    ),
    "Standing": thing(
        route=TEXT,
        group=maybe(TEXT),
        stage=_STAGE,
        weight=SHARE,
        since=maybe(AT),
        traffic={**maybe(thing(legacy=_RATE, modern=_RATE)), "description": "of the last minute or two"},
        agree=maybe(SHARE),
        compared=COUNT,
        version={**maybe(TEXT), "description": "build of modern that the numbers are of"},
        p95=thing(legacy=maybe(SECONDS), modern=maybe(SECONDS)),
        next=maybe(ref("Place")),
        verdict={**maybe(TEXT), "description": "of the guard, about the next step up"},
        findings=many(ref("Finding")),
        hold=maybe(thing(actor=TEXT, reason=TEXT, at=AT)),
        open={**FLAG, "description": "a flip is under way, or was cut off"},
        ailing=maybe(TEXT),
        owner={**maybe(TEXT), "description": "old or new: the side that owns the data of the route, if it names any"},
    ),
    "Status": thing(**_STATUS, routes=many(ref("Standing"))),
    "RouteStatus": thing(
        **_STATUS, route=ref("Standing"), diffs=ref("Report"), journal=thing(incomplete=maybe(TEXT), events=many(ref("Event")))
    ),
    "Held": thing(held=many(TEXT)),
    "Resumed": thing(resumed=many(TEXT)),
    "Event": thing(
        event=TEXT,
        became=TEXT,
        flip=maybe(TEXT),
        at=AT,
        actor=TEXT,
        reason=TEXT,
        forced=FLAG,
        held={**FLAG, "description": "whether a hold was set"},
        seconds=maybe(SECONDS),
        routes=many(
            thing(route=TEXT, from_=ref("Place"), to=ref("Place"), verdict=maybe(TEXT), findings=many({"type": "object"}))
        ),
        digest=maybe(TEXT),
    ),
    "Journal": thing(now=AT, incomplete=maybe(TEXT), events=many(ref("Event"))),
    "Ledger": thing(
        seen=COUNT,
        compared=by_name(COUNT),
        skipped=by_name(COUNT),
        lost=by_name(COUNT),
        in_flight=COUNT,
        closes=FLAG,
        coverage=maybe(SHARE),
    ),
    "Ledgers": thing(store=FLAG, total=ref("Ledger"), routes=by_name(ref("Ledger"))),
    "Pattern": thing(pattern=TEXT, kind=TEXT, transform=TEXT, words=TEXT),
    "Example": thing(**_EXAMPLE),
    "Cause": thing(**_CAUSE),
    "Report": thing(
        route=TEXT,
        stage=_STAGE,
        rules=TEXT,
        version=TEXT,
        since=maybe(AT),
        compared=COUNT,
        agreed=COUNT,
        agree=maybe(SHARE),
        outcomes=by_name(COUNT),
        compared_under_other_rules=COUNT,
        causes=many(thing(**_CAUSE, example=maybe(TEXT))),
        more_causes=COUNT,
        noise=many({"type": "object"}),
        ledger=ref("Ledger"),
    ),
    "Diffs": {
        "anyOf": [
            thing(store=FLAG, now=AT, routes=many(ref("Report"))),
            thing(cause=ref("Cause"), examples=many(ref("Example"))),
        ]
    },
    "Effect": thing(cleared=COUNT, remaining=COUNT, unclear=COUNT, hidden=many(ref("Numbered")), passed=many(ref("Numbered"))),
    "Numbered": thing(pattern=TEXT, kind=TEXT, mismatches=COUNT),
    "Tried": thing(rule=TEXT, routes=by_name(ref("Effect"))),
    "Accepted": thing(cause=ref("Cause"), rule=TEXT, place=TEXT, file=TEXT, written=FLAG, diff=many(TEXT), effect=ref("Effect")),
    "History": thing(
        now=AT,
        step=SECONDS,
        steps=many(
            thing(
                at=AT,
                agreed=COUNT,
                compared=COUNT,
                legacy=COUNT,
                modern=COUNT,
                p95_legacy=maybe(SECONDS),
                p95_modern=maybe(SECONDS),
            )
        ),
    ),
    "Progress": {"type": "object"},
    "Data": thing(now=AT, files=many(thing(file=TEXT, at=AT, mappings=many({"type": "object"})))),
    "Outboxes": thing(now=AT, files=many(thing(file=TEXT, at=AT, outbox={"type": "object"}))),
    "Retried": thing(retried={**COUNT, "description": "dead letters that the relay tries again, at once"}),
    "LetGo": thing(
        let_go={**TEXT, "description": "the id of the event, or the key"},
        error={**TEXT, "description": "why it was a dead letter"},
        held={**COUNT, "description": "events that were held behind it, and go on"},
    ),
    "Recorded": {
        "description": "one line; `error` or `end` is the last",
        "oneOf": [
            thing(entry={"type": "object", "description": "an exchange, as an entry of HAR 1.2"}),
            thing(beat=ref("Sums")),
            thing(end={"allOf": [ref("Sums"), thing(why={"type": "string", "enum": list(ENDS)})]}),
            thing(error=TEXT),
        ],
    },
    "Sums": thing(exchanges=COUNT, missed={**by_name(COUNT), "description": "what should be there and is not, by the reason"}),
    "Mismatch": thing(
        **{**_EXAMPLE, "differences": many({"type": "object"})},
        stage=_STAGE,
        rules=TEXT,
        candidate=TEXT,
        request={"type": "object"},
        answers=thing(control={"type": "object"}, candidate={"type": "object"}),
    ),
}

_ALWAYS = {
    400: "a field is wrong; `error.problems` names them",
    401: "no token, a wrong one, or a session that has ended",
    403: "a viewer may not do this, or the request came from another site's page",
    429: "too many wrong tokens came from this address",
}
_SESSION: dict[str, Any] = {
    "get": {"operationId": "show_session", "summary": "Who asks."},
    "post": {"operationId": "begin_session", "summary": "Log in with a token: sets a cookie, for browsers.", "security": []},
    "delete": {"operationId": "end_session", "summary": "Log out."},
}


def document(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, Any] = {"/api/session": _session(), "/api/openapi.json": {"get": _this()}}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Strangler", "version": version, "description": "What commands know and do, at the admin address."},
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    written: dict[str, Any] = {"operationId": endpoint.name, "summary": endpoint.says, "x-role": endpoint.role}
    parameters = [_in_path(name) for name in _names(endpoint.path)]
    if endpoint.method == "GET":
        parameters += [
            {"name": field.name, "in": "query", "description": field.says, "schema": dict(field.schema)}
            for field in endpoint.fields
        ]
    else:
        members = {field.name: {**field.schema, "description": field.says} for field in endpoint.fields}
        needed = [field.name for field in endpoint.fields if field.required]
        schema = {"type": "object", "properties": members, "required": needed, "additionalProperties": False}
        written["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if parameters:
        written["parameters"] = parameters
    kind = LINES if endpoint.streams else "application/json"
    return {**written, "responses": _responses(ref(endpoint.shows), {**_ALWAYS, **endpoint.errors}, kind)}


def _responses(schema: Schema, errors: Mapping[int, str], kind: str = "application/json") -> dict[str, Any]:
    error = {"application/json": {"schema": ref("Error")}}
    found: dict[str, Any] = {"200": {"description": "done", "content": {kind: {"schema": schema}}}}
    for status, says in sorted(errors.items()):
        found[str(status)] = {"description": says, "content": error}
    return found


def _session() -> dict[str, Any]:
    token = {**thing(token=TEXT), "additionalProperties": False}
    found = {method: {**written, "responses": _responses(ref("Session"), _ALWAYS)} for method, written in _SESSION.items()}
    found["post"]["requestBody"] = {"required": True, "content": {"application/json": {"schema": token}}}
    found["delete"]["responses"] = {"204": {"description": "logged out"}}
    return found


def _this() -> dict[str, Any]:
    return {"operationId": "show_document", "summary": "This document.", "responses": _responses({"type": "object"}, _ALWAYS)}


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}
