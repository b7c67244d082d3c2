"""What mappings do to each other, and what other tables do to theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconcile.checking.finding import Finding
from reconcile.databases.schema import Schema, Table
from reconcile.mapping import model

_OWN = "strangler_"
_TARGET = ("to", "table")


def inspect_order(mappings: Sequence[model.Mapping], targets: Mapping[str, Schema]) -> Iterator[tuple[int, Finding]]:
    """Parents come before children, by the foreign keys of the new side; with the index of the mapping that stands too early.

    `targets` are the schemas of the new sides, by database.
    """
    places = [(each.target.database, each.target.table) for each in mappings]
    for index, mapping in enumerate(mappings):
        table = targets[mapping.target.database].tables.get(mapping.target.table) if mapping.target.database in targets else None
        for parent in dict.fromkeys(each.parent for each in table.parents) if table else ():
            place = (mapping.target.database, parent)
            if parent != mapping.target.table and place in places and places.index(place) > index:
                yield index, _too_early(mapping, mappings[places.index(place)], targets[mapping.target.database])


def _too_early(child: model.Mapping, parent: model.Mapping, schema: Schema) -> Finding:
    message = f"rows of {child.target.table} refer to {parent.target.table}, which mapping {parent.name!r} writes later"
    back = schema.tables.get(parent.target.table)
    if back is not None and any(each.parent == child.target.table for each in back.parents):
        return Finding(
            _TARGET, f"{message}, and the other way round: rows wait for each other until both are there", warning=True
        )
    return Finding(_TARGET, f"{message}: put {parent.name!r} before {child.name!r}")


def inspect_target(mapping: model.Mapping, target: Table, mapped: Mapping[str, str]) -> Iterator[Finding]:
    """What else changes rows when this mapping writes. `mapped` are the mappings by the new tables that they write."""
    for follower in target.followers:
        also = f", and mapping {mapped[follower]!r} has to write them again" if follower in mapped else ""
        message = f"a row deleted here takes rows of {follower} with it (ON DELETE), which no delete budget counts{also}"
        yield Finding(_TARGET, message, warning=True)
    for trigger in target.triggers:
        if not trigger.startswith(_OWN):
            message = f"the trigger {trigger} of {target.name} fires on every row that is written: what it changes is drift"
            yield Finding(_TARGET, message, warning=True)


def inspect_capture(table: Table, key: tuple[str, ...], dialect: str) -> Iterator[str]:
    """What happens to a captured table behind the back of its triggers; a sweep finds it later."""
    for parent in table.parents if dialect == "mariadb" else ():
        if parent.follows_deletes or parent.follows_updates:
            yield f"rows of {table.name} that follow their row of {parent.parent} (CASCADE, SET NULL) change without a trigger"
    for unique in table.unique if dialect == "sqlite" else ():
        if not set(key) <= set(unique):  # else the row that goes has the key of the one that comes
            shown = ", ".join(unique)
            yield (
                f"INSERT OR REPLACE that meets {shown} of another row deletes that row of {table.name} without a trigger, unless "
                "the application sets PRAGMA recursive_triggers"
            )
    if dialect == "mariadb":
        yield f"TRUNCATE TABLE {table.name} fires no trigger"
