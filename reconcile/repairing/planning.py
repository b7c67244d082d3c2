"""Making a plan: both sides of every reported row are read once more, and only what still differs is planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from reconcile.databases.chunk import Key
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import Cells, key_text
from reconcile.mapping.model import Plan
from reconcile.owning.direction import opened_from_owner
from reconcile.owning.ownership import OLD, Ownership
from reconcile.repairing import journal
from reconcile.repairing.plan import Item, Part, RepairPlan, digest, kind_of
from reconcile.repairing.reading import AT_ONCE, Both, read
from reconcile.reports.report import Drift, Report, Verdict
from strangler.core.errors import UsageError

Keys = Iterable[tuple[Any, ...]]


@dataclass(slots=True)
class Drifted:
    """Keys of drifted rows, by mapping, and how many there are `more`."""

    keys: dict[str, list[Key]] = field(default_factory=dict)
    more: dict[str, int] = field(default_factory=dict)


def drifted(names: Iterable[str], compare: Callable[..., Report], most: int, on_report: Callable[[Report], None]) -> Drifted:
    """Compare these mappings, and keep the keys of what drifted, at most so many of each.

    A comparison that says nothing (of an empty source, say) plans nothing.
    """
    found = Drifted()
    for name in names:
        keys: list[Key] = []

        def keep(key: Key, keys: list[Key] = keys) -> None:
            if len(keys) < most:
                keys.append(key)

        report = compare(name, on_drift=keep)
        on_report(report)
        found.keys[name] = keys if report.verdict is Verdict.DRIFT else []
        found.more[name] = report.drifted - len(keys) if report.verdict is Verdict.DRIFT else 0
    return found


def make(plan: Plan, keys: Mapping[str, Keys], token: str, more: Mapping[str, int]) -> RepairPlan:
    """Plan the repair of these keys, by mapping. Writes nothing.

    `token` names the plan and salts its digests; `more` rows differ beside these. Raises Refusal if the databases disagree on who
    owns a mapping.
    """
    parts, moment = [], 0
    for name in (name for name in plan.names if name in _known(plan, keys)):
        with opened_from_owner(plan, name) as (pair, ownership):
            part = _part(pair, ownership, {pair.source.parse_key(key) for key in keys[name]}, token)
            parts.append(replace(part, more=more.get(name, 0)))
            moment = max(moment, _moment(pair.target.database))
    return RepairPlan(token, moment, tuple(parts))


def from_report(document: Mapping[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """The keys of a comparison's JSON document (`Report.document`), or of several under `mappings`."""
    documents = document.get("mappings", [document])
    try:
        return {each["mapping"]: [tuple(row["key"]) for row in each["differences"]] for each in documents}
    except (KeyError, TypeError):
        raise UsageError("that is no report of `reconcile --json`") from None


def more_than_listed(document: Mapping[str, Any]) -> dict[str, int]:
    """How many drifted rows such a document counts beside those that it lists, by mapping."""
    documents = document.get("mappings", [document])
    counted = {each["mapping"]: sum(int(each.get(kind, 0)) for kind in Drift) for each in documents}
    return {each["mapping"]: max(0, counted[each["mapping"]] - len(each["differences"])) for each in documents}


def _known(plan: Plan, keys: Mapping[str, Keys]) -> list[str]:
    return [plan.mapping(name).name for name in keys]


def _part(pair: Pair, ownership: Ownership, keys: Iterable[Key], token: str) -> Part:
    ordered = sorted(keys)
    items: list[Item] = []
    frozen: dict[str, str] = {}
    unmapped: dict[str, str] = {}
    for start in range(0, len(ordered), AT_ONCE):
        some = ordered[start : start + AT_ONCE]
        both = read(pair, some)
        unmapped |= {key_text(key): f"{each.column} {each.reason}" for key, each in both.misfits.items()}
        found = {key: item for key in some if key not in both.misfits and (item := _item(pair, both, key, token))}
        tired = _fights(pair, found)
        frozen |= {key_text(key): why for key, why in tired.items()}
        items += [item for key, item in found.items() if key not in tired]
    written = "new" if ownership.owner == OLD else "old"
    rows = max(pair.source.count(), pair.target.count())
    return Part(pair.mapping.name, written, ownership.epoch, rows, tuple(items), frozen, unmapped)


def _item(pair: Pair, both: Both, key: Key, token: str) -> Item | None:
    wanted, standing = both.wanted.get(key), both.standing.get(key)
    kind = kind_of(wanted, standing)
    if kind is None:
        return None
    digests = digest(token, wanted), digest(token, standing)
    return Item(key_text(key), kind, *digests, _columns(pair, wanted, standing))


def _columns(pair: Pair, wanted: Cells | None, standing: Cells | None) -> tuple[str, ...]:
    if wanted is None or standing is None:
        return ()
    lanes = zip(pair.mapping.columns, wanted, standing, strict=True)
    return tuple(name for name, new, stands in lanes if new != stands)


def _fights(pair: Pair, keys: Iterable[Key]) -> dict[Key, str]:
    database = pair.target.database
    with database.reading() as connection:
        return journal.fights(connection, database, pair.mapping.name, keys)


def _moment(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(now(database))).scalar_one())
