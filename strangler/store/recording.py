"""How a batch becomes rows, in a transaction that somebody else has opened.

Numbers of strata and causes are remembered, but only once the transaction in which they were given was committed: until then
`Recorder` keeps them apart.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from typing import Any

from sqlalchemy import Connection, Table, and_, select, tuple_, update

from strangler.core.ledger import SKIP
from strangler.core.records import Batch, Cause, Example, Stratum
from strangler.store import requests, schema
from strangler.store.adding import add, insert, merged, summed
from strangler.store.payload import pack
from strangler.store.text import clean, digest

_AT_ONCE = 200  # keys in one question
_REMEMBERED = 100_000

CauseKey = tuple[str, str, str, str, str, str]  # route, rules, version, pattern, kind, transform


class Memory:
    """Numbers of strata and causes by their key, from transactions that were committed."""

    def __init__(self) -> None:
        self.strata: dict[Stratum, int] = {}
        self.causes: dict[CauseKey, int] = {}

    def learn(self, recorder: Recorder) -> None:
        """What was written is there to stay."""
        for kept, new in ((self.strata, recorder.strata), (self.causes, recorder.causes)):
            if len(kept) > _REMEMBERED:
                kept.clear()
            kept.update(new)  # type: ignore[arg-type]


class Recorder:
    """Writes one batch.

    Attributes:
        strata, causes: numbers that were looked up or given here.
    """

    def __init__(self, connection: Connection, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory
        self.strata: dict[Stratum, int] = {}
        self.causes: dict[CauseKey, int] = {}

    def record(self, batch: Batch, run: int, token: str) -> None:
        """Add everything in `batch`. Ids of its examples come from `token`, which is never the same."""
        self._counts(batch)
        self._causes(batch)
        self._examples(batch.examples, token)
        self._ledger(batch, run)
        self._noise(batch)
        self._arms(batch)
        requests.add(self._connection, batch.requests)

    def _counts(self, batch: Batch) -> None:
        strata = {stratum: Stratum(*map(clean, stratum)) for _, stratum, _ in batch.counts}
        self._number_strata(set(strata.values()) - self._memory.strata.keys())
        numbers = {stratum: self._memory.strata.get(kept) or self.strata[kept] for stratum, kept in strata.items()}
        rows = (
            {"stratum": numbers[stratum], "minute": minute, "outcome": outcome, "count": number, "repeated": repeated}
            for (minute, stratum, outcome), (number, repeated) in batch.counts.items()
        )
        add(self._connection, schema.counts, rows, {"count": "add", "repeated": "add"})

    def _number_strata(self, unknown: set[Stratum]) -> None:
        table = schema.strata
        columns = [table.c[name] for name in Stratum._fields]
        if unknown:
            statement = insert(self._connection, table).on_conflict_do_nothing()
            self._connection.execute(statement, [stratum._asdict() for stratum in sorted(unknown)])
        for some in _portions(unknown):
            query = select(table.c.number, *columns).where(_is_one_of(columns, some))
            self.strata.update((Stratum(*key), number) for number, *key in self._connection.execute(query))

    def _causes(self, batch: Batch) -> None:
        keys = {key: cause_key(*key) for key in batch.causes}
        ids = self._ids_of_new_causes(set(keys.values()) - self._memory.causes.keys())
        rows = [
            {**dict(zip(_CAUSE, keys[key], strict=True)), "id": ids.get(keys[key], ""), "count": number,
             "first_seen": last, "last_seen": last, "state": "open"}
            for key, (number, last) in batch.causes.items()
        ]  # fmt: skip
        add(self._connection, schema.causes, rows, {"count": "add", "last_seen": "greater"}, _CAUSE)
        self._find_causes(set(ids))

    def _ids_of_new_causes(self, unknown: set[CauseKey]) -> dict[CauseKey, str]:
        """Ids for causes that are not there yet; those that are there become known."""
        self._find_causes(unknown)
        new = sorted(unknown - self.causes.keys())
        return dict(zip(new, self._free_ids(schema.causes, new), strict=True))

    def _find_causes(self, keys: Iterable[CauseKey]) -> None:
        table = schema.causes
        columns = [table.c[name] for name in _CAUSE]
        for some in _portions(keys):
            query = select(table.c.number, *columns).where(_is_one_of(columns, some))
            for number, route, rules, version, pattern, kind, transform in self._connection.execute(query):
                self.causes[route, rules, version, pattern, kind, transform] = number

    def _free_ids(self, table: Table, keys: Sequence[tuple[str, ...]]) -> list[str]:
        """An id for each key: the digest, or the first one of its successors that nobody has."""
        taken: set[str] = set()
        found = []
        for some in _portions(keys):
            first = [digest(*key) for key in some]
            taken.update(self._connection.scalars(select(table.c.id).where(table.c.id.in_(first))))
            for key in some:
                found.append(self._free_id(table, key, taken))
                taken.add(found[-1])
        return found

    def _free_id(self, table: Table, key: tuple[str, ...], taken: set[str]) -> str:
        first = digest(*key)
        if first not in taken:
            return first
        for salt in count():
            other = digest(*key, str(salt))
            known = self._connection.scalar(select(table.c.id).where(table.c.id == other))
            if other not in taken and known is None:
                return other
        raise AssertionError("there are infinitely many salts")

    def _examples(self, examples: list[Example], token: str) -> None:
        if not examples:
            return
        table = schema.examples
        ids = self._free_ids(table, [(token, str(place)) for place in range(len(examples))])
        payloads = map(pack, examples)
        rows = [
            {"id": id, "at": each.at, "route": clean(each.route), "outcome": each.outcome.value,
             "size": len(payload), "payload": payload}
            for each, id, payload in zip(examples, ids, payloads, strict=True)
        ]  # fmt: skip
        statement = table.insert().returning(table.c.number, sort_by_parameter_order=True)
        numbers = self._connection.scalars(statement, rows).all()
        links = [link for each, number in zip(examples, numbers, strict=True) for link in self._links(each, number)]
        if links:
            self._connection.execute(schema.example_causes.insert(), links)

    def _links(self, example: Example, number: int) -> Iterator[dict[str, int]]:
        """To its causes, as far as they are counted: the writer may have capped them."""
        seen = set()
        for rank, cause in enumerate(example.causes):
            key = cause_key(example.route, example.stratum.rules, example.stratum.version, cause)
            cause_number = self._memory.causes.get(key) or self.causes.get(key)
            if cause_number and cause_number not in seen:
                seen.add(cause_number)
                yield {"cause": cause_number, "example": number, "rank": rank}

    def _ledger(self, batch: Batch, run: int) -> None:
        rows = (
            {"run": run, "incarnation": clean(incarnation), "route": clean(route), "count": number}
            for (incarnation, route), number in batch.settled.items()
        )
        add(self._connection, schema.settled, rows, {"count": "add"})
        control = {
            **batch.outcomes,
            **{(route, SKIP + label): number for (route, label), number in batch.skips.items()},
            **batch.lost,
        }
        add(self._connection, schema.tallies, _tallies(control, run, "control"), {"count": "add"})
        add(self._connection, schema.tallies, _tallies(batch.worker_counts, run, "worker"), {"count": "replace"})
        changed: dict[str, Any] = {"snapshot": batch.snapshot} if batch.snapshot else {}
        if batch.worker_counts:
            changed["alive"] = json.dumps(sorted(map(clean, batch.alive)))
        if changed:
            self._connection.execute(update(schema.runs).where(schema.runs.c.number == run), changed)

    def _noise(self, batch: Batch) -> None:
        self._merge(
            schema.noise,
            ("route", "pattern"),
            "observed",
            {(clean(route), clean(pattern)): dict(observed) for (route, pattern), observed in batch.noise.items()},
            merged,
        )

    def _arms(self, batch: Batch) -> None:
        cells: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for (minute, *words), numbers in batch.arms.items():
            route, stage, version, side = map(clean, words)
            key = (route, minute, stage, version, side)
            cells[key] = summed(cells[key], numbers)
        self._merge(schema.arms, ("route", "minute", "stage", "version", "side"), "cells", cells, summed)

    def _merge(self, table: Table, key: tuple[str, ...], column: str, new: Mapping[tuple[Any, ...], Any], together: Any) -> None:
        """Add JSON to JSON: it is read and written back, which the transaction's lock makes safe."""
        columns = [table.c[name] for name in key]
        old: dict[tuple[Any, ...], Any] = {}
        for some in _portions(new):
            query = select(*columns, table.c[column]).where(_is_one_of(columns, some))
            old.update((tuple(found[:-1]), json.loads(found[-1])) for found in self._connection.execute(query))
        rows = (
            {**dict(zip(key, each, strict=True)), column: json.dumps(together(old[each], value) if each in old else value)}
            for each, value in new.items()
        )
        add(self._connection, table, rows, {column: "replace"})


_CAUSE = ("route", "rules", "version", "pattern", "kind", "transform")


def cause_key(route: str, rules: str, version: str, cause: Cause) -> CauseKey:
    """A cause as its row has it."""
    return clean(route), clean(rules), clean(version), clean(cause.pattern), cause.kind.value, clean(cause.transform)


def _tallies(numbers: Mapping[tuple[str, str], int], run: int, counter: str) -> list[dict[str, Any]]:
    return [
        {"run": run, "route": clean(route), "counter": counter, "label": clean(label), "count": number}
        for (route, label), number in numbers.items()
    ]


def _portions(keys: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(keys)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _is_one_of(columns: list[Any], keys: list[tuple[Any, ...]]) -> Any:
    """SQL: the row's key is one of these. For several columns at once SQLite would look through the whole table."""
    first = (column.in_({key[place] for key in keys}) for place, column in enumerate(columns[:2]))
    return and_(*first, tuple_(*columns).in_(keys))
