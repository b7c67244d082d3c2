"""Everything that stands against a move, in words that say what to do. Each rule looks at one mapping; all of them are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconcile.capturing.status import status as capture_status
from reconcile.checking.directions import two_way
from reconcile.checking.primary import follows_another, refuses_writes
from reconcile.checking.probing import OUTLIVES, outlives_deletion
from reconcile.comparing import history
from reconcile.cutover.databases import Databases, is_relayed, other
from reconcile.cutover.sequences import behind
from reconcile.cutover.verification import about, unknown
from reconcile.databases.database import Database
from reconcile.databases.pair import paired, read_source
from reconcile.databases.schema import read as read_schema
from reconcile.jobs.look import standings
from reconcile.mapping.model import Mapping
from reconcile.owning.ownership import NEW, OLD, Owner, moved_ago
from reconcile.reports.report import Verdict
from reconcile.reports.standing import SILENT, Standing
from strangler.core.errors import StranglerError

_Rule = Callable[[Standing], bool]

_AGAINST: tuple[tuple[_Rule, str], ...] = (
    (
        lambda it: it.captured == "missing",
        "what is written on the {0.owner} side is not captured: `strangler data capture install {0.mapping}`",
    ),
    (
        lambda it: it.captured == "paused",
        "capture is paused: `strangler data capture resume {0.mapping}`, then `strangler data reconcile {0.mapping}`",
    ),
    (
        lambda it: it.captured in ("changed", "unconfirmed"),
        "capture's triggers are {0.captured}: `strangler data capture install {0.mapping}`",
    ),
    (
        lambda it: it.captured == "installed" and not it.known,
        "not everything that changed is known ({0.why_unknown}): `strangler data reconcile {0.mapping}`",
    ),
    (lambda it: bool(it.halted), "the relay was halted: {0.halted}"),
    (lambda it: it.dead > 0, "{0.dead:,} keys were given up: `strangler data dead list {0.mapping}`"),
    (
        lambda it: it.backfill in ("running", "paused", "stopped"),
        "its backfill is {0.backfill}, at {0.backfilled:.0%}: `strangler data backfill {0.mapping}`",
    ),
    (lambda it: it.verdict is None, "it was never compared: `strangler data reconcile {0.mapping}`"),
    (
        lambda it: it.verdict is Verdict.DRIFT,
        "{0.drifted:,} rows differ: `strangler data repair plan {0.mapping}`, then `strangler data reconcile {0.mapping}`",
    ),
    (
        lambda it: it.verdict not in (None, Verdict.DRIFT, Verdict.CLEAN),
        "its last pass could not say ({0.why}): `strangler data reconcile {0.mapping}`",
    ),
)


def find(databases: Databases, to: Owner) -> tuple[str, ...]:
    """Every line, in the order of the file, each once."""
    try:
        found = standings(databases.plan, databases.names)
    except StranglerError as error:
        return ("; ".join(str(error).splitlines()),)
    lines = [line for standing in found for line in _against(databases, standing, to)]
    return tuple(dict.fromkeys([*lines, *_unwritable(databases)]))


def _against(databases: Databases, standing: Standing, to: Owner) -> Iterator[str]:
    name, mapping = standing.mapping, databases.plan.mapping(standing.mapping)
    if standing.trouble:
        yield f"{name}: {standing.trouble.removeprefix(f'{name}: ')}"
        return
    if standing.owner == to:
        yield f"{name}: its owner is {to} already (epoch {standing.epoch}): there is nothing to move"
        return
    if is_relayed(mapping, other(to)):
        yield from (f"{name}: {words.format(standing)}" for true, words in _AGAINST if true(standing))
        if _silent(databases.side(mapping, other(to)), standing):
            yield f"{name}: nobody relays it: `strangler serve`, or `strangler data relay`"
    for ask in (_unproved, _no_way, _unopened, _not_caught, _numbers):
        try:
            yield from (f"{name}: {words}" for words in ask(databases, mapping, to))
        except StranglerError as error:
            yield about(name, error)


def _silent(owner: Database, standing: Standing) -> bool:
    """Whether no heartbeat came through lately. One that has just been turned round may not have beaten there yet, and whoever
    wants back at once is not to be sent away for it: if there is none, nothing catches up, and it is taken back in time."""
    late = standing.captured == "installed" and (standing.lag is None or standing.lag > SILENT)
    return late and moved_ago(owner, standing.mapping) > SILENT


def _unproved(databases: Databases, mapping: Mapping, to: Owner) -> Iterator[str]:
    """The newest pass may have been of a few keys only."""
    if is_relayed(mapping, other(to)):
        passed = history.listed(databases.plan, mapping.name, limit=1)
        full = history.latest(databases.named(history.place(databases.plan, mapping.name)), mapping.name, full=True)
        if passed and passed[0].verdict is Verdict.CLEAN and (full is None or full.verdict is not Verdict.CLEAN):
            yield f"its last full pass was not clean, or there was none: `strangler data reconcile {mapping.name}`"


def _no_way(databases: Databases, mapping: Mapping, to: Owner) -> Iterator[str]:
    """What the new side writes must reach the old one, unless somebody has accepted that it does not."""
    if mapping.one_way is not None:
        return
    old, new = databases.side(mapping, OLD), databases.side(mapping, NEW)
    before = read_source(old, mapping)
    two, reasons = two_way(mapping, before, read_schema(new, mapping.target.table))
    if not two:
        yield f"it is not two-way ({'; '.join(reasons)}): mend `back`, or write `one_way: accepted`"
    if outlives_deletion(mapping, old, before.tables[mapping.source.name(mapping.name)]):
        yield f"`back.delete`: {OUTLIVES}"


def _unopened(databases: Databases, mapping: Mapping, to: Owner) -> Iterator[str]:
    """Open it as it will be after the move: what does not fit is a ConfigError with everything that does not."""
    if is_relayed(mapping, to):
        old, new = databases.side(mapping, OLD), databases.side(mapping, NEW)
        paired(databases.plan, mapping.name, old, new, back=to == NEW)
    yield from ()


def _not_caught(databases: Databases, mapping: Mapping, to: Owner) -> Iterator[str]:
    if not is_relayed(mapping, to):
        return
    (status,) = capture_status(databases.plan, [mapping.name], side=to)
    states = {feed.state for feed in status.feeds} | {status.heart}
    if "paused" in states:
        resume = f"`strangler data capture resume {mapping.name} --side {to}`"
        yield f"capture on the {to} side is paused: {resume}, then `strangler data reconcile {mapping.name}`"
    elif states != {"installed"}:
        install = f"`strangler data capture install {mapping.name} --side {to}`"
        yield f"what is written on the {to} side is not captured: {install}, then `strangler data reconcile {mapping.name}`"
    elif is_relayed(mapping, other(to)) and (why := unknown(databases, mapping, to)):
        yield why


def _numbers(databases: Databases, mapping: Mapping, to: Owner) -> Iterator[str]:
    """The application of the side that gains gives keys from now on. A query has no rows of its own."""
    side, place = databases.side(mapping, to), mapping.target if to == NEW else mapping.source
    if place.table is not None:
        yield from behind(side, read_schema(side, place.table).tables[place.table], place.key)


def _unwritable(databases: Databases) -> Iterator[str]:
    """The side that gains must be a primary that takes writes from us; so must the other one, which is copied to."""
    mappings = [databases.plan.mapping(name) for name in databases.names]
    for name in dict.fromkeys(side for mapping in mappings for side in (mapping.source.database, mapping.target.database)):
        try:
            database = databases.named(name)
            if follows_another(database) or refuses_writes(database):
                yield f"database {name} follows another one, or takes no writes from us: name the primary in the mappings file"
        except StranglerError as error:
            yield str(error)
