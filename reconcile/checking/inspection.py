"""What a mapping gets wrong about two live schemas. Pure: schemas are values, findings are values."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconcile.checking.finding import Finding, Steps, unknown, unknown_table
from reconcile.databases.schema import Column as Live
from reconcile.databases.schema import Schema, Table
from reconcile.mapping import way_back
from reconcile.mapping.convert import CONVERTERS
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Back, Column, Constant, Mapping

_ROOM = {  # what each kind of value may be stored in
    "integer": {"integer", "float", "decimal", "text", "any"},
    "boolean": {"boolean", "integer", "any"},
    "moment": {"moment", "text", "any"},
    "date": {"date", "moment", "text", "any"},
    "text": {"text", "any"},
    "uuid": {"uuid", "text", "bytes", "any"},
}
_NEVER = {  # a column of this kind into one of those: no value fits
    "float": {"text", "bytes", "date", "moment"},
    "decimal": {"text", "bytes", "date", "moment"},
    "integer": {"bytes", "date", "moment"},
    "bytes": {"integer", "float", "decimal", "text", "boolean", "date", "moment"},
}


_KEY_KINDS = ("integer", "text", "uuid", "date")
_KEY_TEXTS = ({"text", "uuid"}, {"text", "date"})
_KEYS = "whole numbers, text, UUIDs or dates"


def inspect(mapping: Mapping, old: Schema, new: Schema, given: Collection[str] = ()) -> Iterator[Finding]:
    """What stops a mapping, and what of its keys and types may. `given` are columns of the target that get a value elsewhere."""
    source, target = old.tables.get(mapping.source.name(mapping.name)), new.tables.get(mapping.target.table)
    if source is None and mapping.source.table is not None:
        yield unknown_table(("from", "table"), mapping.source.table, old.names)
    if target is None:
        yield unknown_table(("to", "table"), mapping.target.table, new.names)
    if source is not None:
        yield from _source(mapping, source)
    if target is not None:
        yield from _target(mapping, target, given)
    if source is not None and target is not None:
        yield from _keys(mapping, source, target)
        for name, column in mapping.columns.items():
            yield from _fits(("columns", name), column, source, target.columns[name]) if name in target.columns else ()


def _source(mapping: Mapping, source: Table) -> Iterator[Finding]:
    for name in mapping.source.key:
        if name not in source.columns:
            yield unknown(("from", "key"), f"column of {source.name}", name, tuple(source.columns))
    for name, column in mapping.columns.items():
        for needed in column.named:
            if needed not in source.columns:
                yield unknown(("columns", name), f"column of {source.name}", needed, tuple(source.columns))
            else:
                yield from _unreadable(("columns", name), source, needed)
    if mapping.source.query is None:
        yield from _indexed(("from", "key"), source, mapping.source.key, set(mapping.source.key))


_INSTEAD = {  # of types that cannot be compared yet: an expression that can, and a type that holds the same
    "ARRAY": ("to_jsonb({})::text", "JSONB"),
    "MONEY": ("{}::numeric", "NUMERIC"),
    "INET": ("{}::text", "TEXT"),
    "CIDR": ("{}::text", "TEXT"),
    "MACADDR": ("{}::text", "TEXT"),
    "FLOAT": ("{} + 0e0", "DOUBLE"),
}


def _instead(live: Live) -> str:
    _, other = _INSTEAD.get(_type_name(live), ("", ""))
    return other and f", such as {other}"


def _unreadable(steps: Steps, source: Table, name: str) -> Iterator[Finding]:
    """A column whose values come out of the driver as something else than they are."""
    live = source.columns[name]
    if live.kind is None and _type_name(live) in _INSTEAD:
        sql = _INSTEAD[_type_name(live)][0].format(name)
        message = f"{source.name}.{name} is {live.type}, which cannot be read as it is"
        yield Finding(steps, f'{message}: write an expression instead, such as {{sql: "{sql}"}}')


def _type_name(live: Live) -> str:
    return live.type.partition("(")[0]


def inspect_back(mapping: Mapping, old: Schema, new: Schema) -> Iterator[Finding]:
    """The same for the way back of a mapping that has one. Its keys and indexes are those of the way out."""
    turned, back = way_back.turned(mapping), mapping.back
    assert back is not None
    for finding in inspect(turned, new, old, back.defaults):
        if finding.steps[0] == "columns":
            yield finding.below("back")
    if turned.target.table in old.tables:
        yield from (finding.below("back") for finding in _constants_of(back, old.tables[turned.target.table]))


def _constants_of(back: Back, old: Table) -> Iterator[Finding]:
    """What a way back sets beside its columns: the defaults of rows born on the new side, and the marks of a deletion."""
    sets = back.delete.set if back.delete else {}
    for steps, constants in ((("defaults",), back.defaults), (("delete", "set"), sets)):
        for name, constant in constants.items():
            live = old.columns.get(name)
            if live is None:
                yield unknown((*steps, name), f"column of {old.name}", name, old.columns)
            elif live.kind is not None:
                yield from _holds((*steps, name), constant, live.kind, live.nullable)


def _target(mapping: Mapping, target: Table, given: Collection[str]) -> Iterator[Finding]:
    for name in mapping.columns:
        if name not in target.columns:
            yield unknown(("columns", name), f"column of {target.name}", name, tuple(target.columns))
        elif target.columns[name].computed:
            yield Finding(("columns", name), f"{target.name}.{name} is computed by the database: leave it out")
        elif target.columns[name].kind is None:
            message = f"{target.name}.{name} is {target.columns[name].type}, which cannot be compared yet"
            yield Finding(
                ("columns", name), f"{message}: leave it out, or give the column another type{_instead(target.columns[name])}"
            )
    for name, live in target.columns.items():
        if name not in mapping.columns and name not in given and not live.nullable and not live.filled:
            yield Finding(("columns",), f"{target.name}.{name} is NOT NULL without a default: say what goes into it")
    constant = {name for name, column in mapping.columns.items() if not column.is_read}
    yield from _indexed(("to", "key"), target, mapping.target.key, {*mapping.target.key, *constant})


def _indexed(steps: Steps, table: Table, key: tuple[str, ...], named: set[str]) -> Iterator[Finding]:
    shown = ", ".join(key)
    if not any(set(index[: len(key)]) == set(key) for index in table.indexes):
        yield Finding(steps, f"no index of {table.name} starts with {shown}: every chunk reads the whole table", warning=True)
    elif not any(set(columns) <= named for columns in table.unique):
        yield Finding(
            steps, f"nothing keeps {shown} unique in {table.name}: a key that stands twice stops the pass", warning=True
        )


def _keys(mapping: Mapping, source: Table, target: Table) -> Iterator[Finding]:
    """Both sides are walked in one order, so a key is of one kind, and of one that SQL and Python sort alike."""
    for old, new in zip(mapping.source.key, mapping.target.key, strict=True):
        if old not in source.columns or new not in target.columns:
            continue
        before, after = source.columns[old], target.columns[new]
        if after.kind is None or before.kind is None or not _one_key(before.kind, after.kind):
            message = f"{source.name}.{old} is {before.type or 'untyped'}, {target.name}.{new} is {after.type}"
            yield Finding(("to", "key"), f"{message}: a key must be the same kind on both sides: {_KEYS}")


def _one_key(before: Kind, after: Kind) -> bool:
    """Whether values of both are one key: the same however each side writes it, and sorted alike."""
    names = {_key_name(before), _key_name(after)}
    return _key_name(after) in _KEY_KINDS and (len(names) == 1 or "any" in names or names in _KEY_TEXTS)


def _key_name(kind: Kind) -> str:
    return "integer" if kind.name == "decimal" and kind.places == 0 else kind.name


def _fits(steps: Steps, column: Column, source: Table, live: Live) -> Iterator[Finding]:
    if live.kind is None:
        return
    for constant in _constants(column):
        yield from _holds(steps, constant, live.kind, live.nullable)
    gives = CONVERTERS[column.convert].gives if column.convert else ""
    if gives and live.kind.name not in _ROOM[gives]:
        yield Finding(steps, f"`{column.convert}` gives {gives} values, the column is {live.type}")
    found = source.columns.get(column.column or "")
    if found is None or not column.is_renamed:
        return
    if found.kind is not None and live.kind.name in _NEVER.get(found.kind.name, ()):
        yield Finding(steps, f"{source.name}.{column.column} is {found.type}, which has no place in {live.type}: convert it")
    if found.nullable and not live.nullable and (column.column,) not in source.unique:
        message = f"{source.name}.{column.column} may be NULL, the column is NOT NULL: such a row stops a backfill"
        yield Finding(steps, message, warning=True)


def _constants(column: Column) -> tuple[Constant, ...]:
    if column.values is not None:
        return tuple(column.values.values())
    return () if column.is_read else (column.constant,)


def _holds(steps: Steps, constant: Constant, kind: Kind, nullable: bool) -> Iterator[Finding]:
    if constant is None:
        if not nullable:
            yield Finding(steps, "is NOT NULL, and cannot be null")
        return
    try:
        kind.fit(constant)
    except ValueError as error:
        yield Finding(steps, f"{constant!r} {error}: the column holds {kind.noun}")
