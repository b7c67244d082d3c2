"""The data's half of a cutover, for the mappings of one group, whichever files they stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from strangler.core.cutover import Owner
from strangler.core.errors import UsageError
from strangler.core.model import Config

if TYPE_CHECKING:
    from reconcile.cutover.data_side import DataSide
    from reconcile.cutover.values import Marker

Owners = Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether both databases say the same; if not, on what not, a line each. `keys` were looked at."""

    ok: bool
    words: tuple[str, ...] = ()
    keys: int = 0


class Sides:
    """Both databases of all the mappings; see `reconcile.cutover.data_side.DataSide` for what each question means."""

    def __init__(self, parts: Sequence[DataSide]) -> None:
        self._parts, self._stack = tuple(parts), ExitStack()

    def __enter__(self) -> Sides:
        for part in self._parts:
            self._stack.enter_context(part)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def refusals(self, to: Owner) -> tuple[str, ...]:
        return tuple(line for part in self._parts for line in part.refusals(to))

    def rehearsal(self, to: Owner) -> Mapping[str, Any]:
        """Of several files the longest time, and all the keys."""
        said = [part.rehearsal(to).document() for part in self._parts]
        return {name: _together(name, [each[name] for each in said]) for name in said[0]}

    def prepare(self, deadline: float) -> Verdict:
        return self._verdict(lambda part: part.prepare(deadline))

    def mark(self) -> tuple[Marker, ...]:
        return tuple(part.mark() for part in self._parts)

    def waits_for(self, markers: Sequence[Any]) -> int:
        return sum(part.waits_for(marker) for part, marker in zip(self._parts, markers, strict=True))

    def verify(self, deadline: float) -> Verdict:
        return self._verdict(lambda part: part.verify(deadline))

    def bump(self, to: Owner, token: str) -> Owners:
        moved = [part.bump(to, token) for part in self._parts]
        return {name: (each.owner, each.epoch) for found in moved for name, each in found.items()}

    def revert(self, token: str) -> None:
        for part in self._parts:
            part.revert(token)

    def owners(self) -> Mapping[str, tuple[tuple[str, int], tuple[str, int]]]:
        """What the old database says of each mapping, and what the new one says."""
        found = [part.owners() for part in self._parts]
        return {name: tuple((one.owner, one.epoch) for one in both) for each in found for name, both in each.items()}  # type: ignore[misc]

    def _verdict(self, ask: Callable[[DataSide], Any]) -> Verdict:
        said = [ask(part) for part in self._parts]
        return Verdict(all(each.ok for each in said), tuple(w for each in said for w in each.words), sum(s.keys for s in said))


def sides(config: Config, names: Sequence[str], environ: Mapping[str, str]) -> Sides:
    """Those of the mappings with these names. Raises UsageError if no file has one of them, ConfigError for a bad file."""
    import reconcile
    from reconcile.cutover.data_side import DataSide

    plans = [reconcile.load(file, environ) for file in config.mappings]
    known = {name for plan in plans for name in plan.names}
    missing = [name for name in names if name not in known]
    if missing:
        raise UsageError(f"no mapping is called {', '.join(missing)}: `mappings:` names the files that are to have them")
    chosen = [(plan, tuple(name for name in names if name in plan.names)) for plan in plans]
    return Sides([DataSide(plan, mine) for plan, mine in chosen if mine])


def _together(name: str, values: Sequence[Any]) -> Any:
    if any(value is None for value in values):
        return None
    return max(values) if name in ("lag", "estimated") else sum(values)
