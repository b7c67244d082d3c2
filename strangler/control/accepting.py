"""Accepting a cause: the rule that it suggests, what that would do to stored mismatches, and writing it into the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from strangler.config.rule_edit import NewRule
from strangler.config.rule_file import accept as write_rule
from strangler.control.diffs import cause_as_json, proposals
from strangler.core.causes import words
from strangler.core.compare.compare import compare
from strangler.core.compare.rules import rules_for
from strangler.core.difference import Kind, render_path
from strangler.core.errors import DatabaseError, Refusal, UsageError
from strangler.core.model import NOISE_KINDS, Config, Route
from strangler.core.noise.learn import Proposal
from strangler.core.records import Cause, Example
from strangler.core.what_if import Effect, Stored, drafted, replay, subject
from strangler.evidence.example import view_of
from strangler.store.rows import CauseRow, ExampleRow
from strangler.store.store import Store

PAGE = 500  # examples of a route that are replayed
WAYS = ("ignore", "noise", "unordered", "tolerance", "treat_equal")
_PLACES = {way: f"compare.{way}" for way in WAYS} | {"noise": "noise.fields"}
# the word of compare.treat_equal that allows what a transform does
_TREATED = {
    "null_missing": "null_missing",
    "empty_null": "empty_null",
    "number_to_string": "number_string",
    "string_to_number": "number_string",
    "case": "case",
    "trailing_slash": "trailing_slash",
    "whitespace": "whitespace",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """How a cause is to be accepted, as far as it was said. Words as they are written in the file."""

    way: str = ""
    kind: str = ""
    key: str = ""
    abs: str = ""
    seconds: str = ""


def rule_for(cause: Cause, wish: Wish, proposals: Iterable[Proposal] = ()) -> NewRule:
    """The rule that lets a cause pass, as narrow as was asked for.

    Args:
        proposals: noise that was learned on the route.

    Raises:
        Refusal: no rule can let it pass.
        UsageError: something has to be said that was not.
    """
    if not cause.pattern.startswith("$"):
        raise Refusal(_no_rule(cause))
    noise = next((one.kind for one in proposals if one.pattern == cause.pattern), "")
    way = wish.way or _way(cause, noise)
    if way == "treat_equal":
        return NewRule(_PLACES[way], _treated(cause))
    details = {
        "noise": (("kind", wish.kind or noise or _ask_for("kind", NOISE_KINDS)),) if way == "noise" else (),
        "unordered": (("key", wish.key),) if wish.key else (),
        "tolerance": (("abs", wish.abs), ("seconds", wish.seconds)),
    }.get(way, ())
    members = tuple((name, word) for name, word in details if word)
    if way == "tolerance" and not members:
        raise UsageError("a tolerance needs how far: add --abs 0.01, or --seconds 2")
    return NewRule(_PLACES[way], members=(("path", cause.pattern), *members)) if members else NewRule(_PLACES[way], cause.pattern)


def _way(cause: Cause, noise: str) -> str:
    if noise:
        return "noise"
    return "unordered" if cause.kind is Kind.ORDER else "ignore"


def _treated(cause: Cause) -> str:
    word = _TREATED.get(cause.transform)
    if not word:
        known = ", ".join(dict.fromkeys(_TREATED.values()))
        raise UsageError(f"treat_equal has no word for this cause ({words(cause)}); it has {known}: take another --as")
    return word


def _ask_for(option: str, choices: Mapping[str, str]) -> str:
    told = "; ".join(f"{word}: {meaning}" for word, meaning in choices.items())
    raise UsageError(f"noise keeps a shape: add --{option}, one of {told}")


def _no_rule(cause: Cause) -> str:
    if cause.kind is Kind.HEADER:
        return f"no rule is about one header: take {cause.pattern} out of the route's compare.headers, by hand"
    if cause.kind is Kind.STATUS:
        return "no rule lets another status pass: one of the two sides has to change"
    return f"no rule is about {words(cause)!r}: accept the causes that stand above it first"


def text_of(rule: NewRule) -> str:
    """A rule in one line, as `what-if` takes it and comparisons name it."""
    verb = "noise" if rule.section == "noise" else rule.key
    if not rule.members:
        return f"{verb} {rule.word}"
    path, *rest = rule.members
    return " ".join([verb, path[1], *(word if name == "kind" else f"{name} {word}" for name, word in rest)])


def effect(route: Route, rule: str, rows: Iterable[ExampleRow], *asked: str) -> Effect:
    """What a rule would do to stored mismatches, beyond what it is meant for: its own place, and the patterns in `asked`.

    Raises UsageError if it is no rule, with what to write instead.
    """
    try:
        then, about = drafted(route, rule), subject(rule)
    except ValueError as error:
        raise UsageError(str(error)) from None
    pairs = (pair for row in rows if (pair := _stored(row.example)))
    return replay(pairs, rules_for(route), rules_for(then), {about, *asked})


def _stored(example: Example) -> Stored | None:
    control, candidate = view_of(example.control), view_of(example.candidate)
    return Stored(control, candidate) if control and candidate else None


def ignored_in(example: Example, route: Route | None) -> list[tuple[str, str]]:
    """Path and rule of each difference of an example that the route's rules allow, as they are now."""
    stored = _stored(example)
    if route is None or stored is None:
        return []
    return [(render_path(one.difference.path), one.rule) for one in compare(*stored, rules_for(route)).ignored]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A cause that passes from now on, or would.

    Attributes:
        place: of the rule in the file, such as ``compare.ignore``.
        changes: of the file, as a unified diff without its head.
        written: False for a dry run.
    """

    cause: CauseRow
    rule: str
    place: str
    changes: tuple[str, ...]
    effect: Effect
    written: bool


def accept(path: Path, config: Config, cause: str, wish: Wish, environ: Mapping[str, str], *, dry_run: bool) -> Acceptance:
    """Write the rule that lets a cause pass into the file, and mark the cause. Raises StranglerError, with the file as it was.

    Args:
        cause: its id, or the beginning of it.
    """
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        row = store.cause(cause)
        route = _route(config, row)
        if row.state == "accepted":
            raise Refusal(f"cause {row.id} is accepted already, and only counts what was compared before")
        rule = rule_for(row.cause, wish, proposals(store, route))
        found = effect(route, text_of(rule), store.examples(route.name, limit=PAGE), row.cause.pattern)
    written = write_rule(path, route.name, rule, environ, dry_run=dry_run)
    if not dry_run:
        _mark(config, row.id)
    changes = list(unified_diff(written.before.splitlines(), written.after.splitlines(), lineterm="", n=2))[2:]
    return Acceptance(row, text_of(rule), rule.place, tuple(changes), found, not dry_run)


def what_if(store: Store, routes: Sequence[Route], rule: str) -> dict[str, Effect]:
    """What a rule would do to the stored mismatches of each of these routes. Raises UsageError if it is no rule."""
    return {each.name: effect(each, rule, store.examples(each.name, limit=PAGE)) for each in routes}


def _route(config: Config, row: CauseRow) -> Route:
    found = next((route for route in config.routes if route.name == row.route), None)
    if found is None:
        raise Refusal(f"cause {row.id} is of route {row.route!r}, which the file has no more")
    return found


def _mark(config: Config, id: str) -> None:
    try:
        with closing(Store.open(config.store, config.folder)) as store:
            store.accept(id)
    except DatabaseError as error:
        raise DatabaseError(f"the rule is written, but the cause could not be marked as accepted: {error}") from None


def acceptance_as_json(one: Acceptance, path: Path) -> dict[str, Any]:
    """What was written, or would be, for programs."""
    said = {"rule": one.rule, "place": one.place, "file": str(path), "written": one.written, "diff": list(one.changes)}
    return {"cause": cause_as_json(one.cause), **said, "effect": effect_as_json(one.effect)}


def effect_as_json(found: Effect) -> dict[str, Any]:
    """What a rule would do, for programs."""
    return {
        "cleared": found.cleared,
        "remaining": found.remaining,
        "unclear": found.unclear,
        "hidden": _numbers(found.hidden),
        "passed": _numbers(found.passed),
    }


def _numbers(causes: Mapping[tuple[str, Kind], int]) -> list[dict[str, Any]]:
    return [{"pattern": pattern, "kind": str(kind), "mismatches": number} for (pattern, kind), number in causes.items()]
