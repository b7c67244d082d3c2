"""What a query reads: its SELECTs, the tables of each with how they are joined, and what its conditions ask for.

Pure, and no parser: words, brackets, and the few keywords that part a statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reconcile.mapping.tokens import Token, tokens

_ROW_SETS = ("union", "intersect", "except")
_PARTS = ("where", "group", "having", "order", "limit", "window", "offset", "fetch", "for", *_ROW_SETS)
_JOINS = ("left", "right", "full", "inner", "cross", "natural", "outer", "join", "straight_join")
_KEYWORDS = (*_PARTS, *_JOINS, "on", "using", "as", "lateral", "only", "tablesample", "use", "force", "ignore")


_ASKED = ([True], [True, False])  # a dot behind it, and then nothing or anything but IS


@dataclass(frozen=True, slots=True)
class Read:
    """One table of a FROM, "" if it is a subquery. `join` is how it came in: from, left, right, full, inner, cross or a comma."""

    table: str
    alias: str
    join: str

    def __str__(self) -> str:
        return self.table or self.alias or "a subquery"


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT. `asked` are the tables, by alias in lower case, that its conditions ask for, except whether they are NULL.

    `outer` says that its rows are rows of the whole query.
    """

    reads: tuple[Read, ...]
    asked: frozenset[str]
    outer: bool


@dataclass(slots=True)
class _Group:
    """What stands between brackets."""

    items: list[_Item] = field(default_factory=list)

    def says(self, *_: str) -> bool:
        return False

    @property
    def is_query(self) -> bool:
        return bool(self.items) and self.items[0].says("select", "with", "values")


_Item = Token | _Group
_Items = Sequence[_Item]


def selects(sql: str) -> list[Select]:
    """All of them, the outer ones first. Names that WITH defines are subqueries."""
    everything = _grouped(tokens(sql))
    own = {name.lower() for items in _levels(everything) for name in _defined(items)}
    found = [_select(part, own, outer=True) for part in _each_select(everything)]
    inner = [group.items for group in _groups(everything) if group.is_query]
    return found + [_select(part, own, outer=False) for items in inner for part in _each_select(items)]


def _grouped(words: Iterator[Token]) -> list[_Item]:
    open_groups = [_Group()]
    for word in words:
        if word.says("("):
            group = _Group()
            open_groups[-1].items.append(group)
            open_groups.append(group)
        elif word.says(")") and len(open_groups) > 1:
            open_groups.pop()
        else:
            open_groups[-1].items.append(word)
    return open_groups[0].items


def _groups(items: _Items) -> Iterator[_Group]:
    for item in items:
        if isinstance(item, _Group):
            yield item
            yield from _groups(item.items)


def _levels(items: _Items) -> Iterator[_Items]:
    yield items
    yield from (group.items for group in _groups(items))


def _defined(items: _Items) -> Iterator[str]:
    """``WITH name [(columns)] AS (…), name AS (…)``"""
    if not items or not items[0].says("with"):
        return
    for before, item, after in zip(items, items[1:], items[2:], strict=False):
        is_named = isinstance(item, Token) and item.is_name and before.says("with", "recursive", ",")
        if is_named and (after.says("as") or isinstance(after, _Group)):
            yield getattr(item, "text", "")


def _each_select(items: _Items) -> Iterator[_Items]:
    """The parts of a UNION, each from its SELECT on."""
    starts = [place for place, item in enumerate(items) if item.says("select")]
    for start, end in zip(starts, [*starts[1:], len(items)], strict=False):
        yield items[start:end]


def _select(items: _Items, own: set[str], *, outer: bool) -> Select:
    read = [
        Read("", each.alias, each.join) if each.table.lower() in own else each for each in _joined(_part(items, "from"), "from")
    ]
    return Select(tuple(read), frozenset(_asked([*_part(items, "where"), *_part(items, "having")])), outer)


def _part(items: _Items, name: str) -> _Items:
    """What stands behind a keyword, up to the next; IS DISTINCT FROM is none."""
    for place, item in enumerate(items):
        if item.says(name) and not items[place - 1].says("distinct"):
            rest = items[place + 1 :]
            return rest[: next((end for end, each in enumerate(rest) if each.says(*_PARTS)), len(rest))]
    return ()


def _joined(items: _Items, join: str) -> Iterator[Read]:
    """The tables of a FROM; a bracket that is no subquery holds a FROM of its own."""
    place, waits = 0, True
    while place < len(items):
        item = items[place]
        if item.says(",", "join", "straight_join"):
            join, waits = "," if item.says(",") else _how(items[:place]), True
        elif waits and isinstance(item, _Group) and not item.is_query:
            inside = list(_joined(item.items, join))
            yield from (Read(each.table, each.alias, join) for each in inside) if join in ("left", "full") else inside
            waits = False
        elif waits and (isinstance(item, _Group) or (item.is_name and not item.says(*_KEYWORDS))):
            read, place = _named(items, place, join)
            yield read
            waits = False
            continue
        place += 1


def _how(before: _Items) -> str:
    """The kind of join that the words before JOIN say."""
    words = [item.text.lower() for item in before[-2:] if isinstance(item, Token)]
    return next((kind for kind in ("left", "right", "full", "cross") if kind in words), "inner")


def _named(items: _Items, place: int, join: str) -> tuple[Read, int]:
    """``schema.table AS alias``, and where it ends."""
    first = items[place]
    table = first.text if isinstance(first, Token) else ""
    while table and place + 2 < len(items) and items[place + 1].says("."):
        place += 2
        table = getattr(items[place], "text", "")
    place += 1
    if place < len(items) and isinstance(items[place], _Group):  # a function in FROM
        table, place = "", place + 1
    if place < len(items) and items[place].says("as"):
        place += 1
    last = items[place] if place < len(items) else None
    if isinstance(last, Token) and last.is_name and not last.says(*_KEYWORDS):
        return Read(table, last.text, join), place + 1
    return Read(table, table, join), place


def _asked(items: _Items) -> Iterator[str]:
    """What stands before a dot, unless IS follows: a row that may be missing passes IS NULL on purpose."""
    for place, item in enumerate(items):
        if isinstance(item, _Group):
            yield from () if item.is_query else _asked(item.items)
        elif item.is_name and [each.says(word) for each, word in zip(items[place + 1 :: 2], (".", "is"), strict=False)] in _ASKED:
            yield item.text.lower()
