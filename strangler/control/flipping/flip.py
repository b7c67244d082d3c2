"""The one path of every flip, up and down: each step leaves the old file or the new one, and a journal that can be settled.

Down needs nothing but the file: no store, no guard, no control process, and no room on the disk. Up needs the guard, no hold,
and a journal that is written before the file is touched. What the guard has said of a file holds as long as nothing in it
changes that the guard looks at; else it is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256

from strangler.config.edit import edit
from strangler.config.file import ConflictError, NoRoomError, Snapshot
from strangler.control.flipping.door import Answer, Outcome
from strangler.control.flipping.draft import Draft, change, cutovers, draft, held, objections, under_way
from strangler.control.flipping.order import Done, Effect, Order, Refused
from strangler.control.flipping.settlement import settle_quietly
from strangler.control.flipping.world import World
from strangler.control.journal import Journal, JournalError
from strangler.core.cutover import Record
from strangler.core.errors import DatabaseError, Refusal, StranglerError, UnreachableError
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.journal import Entry, Kind

TRIES = 50  # an editor that saves between our look and our write, each time


def flip(order: Order, world: World, judged: Mapping[str, Judgement] | None = None) -> Done:
    """Carry out an order. When this returns LIVE, no request is routed by the old table.

    What is still to be done then (`settlement.keep`: bring the journal into the store) can wait until people were told.

    Args:
        judged: what the guard has said to the cutover that this is a part of.

    Raises:
        Refused: the guard, a hold or the running proxy is against it; nothing has changed.
        Refusal: there is nothing to roll back, or the file changes all the time.
        UsageError: there is no such route, or the file is wrong or cannot be written.
        UnreachableError: the file is changed, but not every worker has said that it decides by it.
        DatabaseError: on the way up, the journal cannot be read or written.
    """
    order.check()
    if not order.rollback and not order.dry_run:
        settle_quietly(world)
    snapshot = world.read()
    with world.under_way(snapshot.real):
        for _ in range(TRIES):
            drafted = draft(order, world, snapshot)
            if not drafted.flips:
                return Done(Effect.NOTHING, digest=snapshot.revision)
            journal = world.journal(drafted.config, snapshot.real)
            drafted, against = _judged(order, world, replace(drafted, judgements=judged or {}), journal)
            if order.dry_run:
                return Done(Effect.PLANNED, drafted.flips, judgements=drafted.judgements, objections=against)
            if against:
                raise Refused(drafted.flips, against, drafted.judgements)
            try:
                return _Attempt(order, world, drafted, journal).make()
            except ConflictError:
                snapshot = world.read()
    raise Refusal(f"{world.path} is being changed all the time: see who does it, and flip again")


def _judged(order: Order, world: World, drafted: Draft, journal: Journal) -> tuple[Draft, tuple[str, ...]]:
    """The draft with what the guard says, and all that stands against it. On the way down nobody is asked."""
    if order.cutover:
        return drafted, ()
    across = _across(drafted)
    if not drafted.climbing:
        return drafted, across
    try:
        drafted = replace(drafted, judgements=world.judge(drafted.config, drafted.climbing))
    except StranglerError as error:
        if not order.force:
            raise
        drafted = replace(drafted, doubts=str(error))
    try:
        return drafted, (*across, *objections(order, drafted, journal.entries()))
    except DatabaseError as error:
        raise DatabaseError(f"what is held is not known, so nothing climbs: {error}") from None


def _across(drafted: Draft) -> tuple[str, ...]:
    """What a cutover has to do, or is doing, whichever way the flips go."""
    descending = [flip for flip in drafted.flips if not flip.up]
    return (*under_way(drafted.flips, drafted.record), *cutovers(descending, drafted.routes, drafted.record.moved))


class _Attempt:
    """One attempt to carry out an order that nothing stands against.

    Attributes:
        intended: the entries that were written, or could not be.
        notes: what people should know.
    """

    def __init__(self, order: Order, world: World, drafted: Draft, journal: Journal) -> None:
        self._order, self._world, self._drafted, self._journal = order, world, drafted, journal
        self._name = world.name()
        self.intended: list[Entry] = []
        self.notes: list[str] = []

    def make(self) -> Done:
        """Raises ConflictError if the file has changed: look at it again."""
        drafted, world = self._drafted, self._world
        with world.turn(drafted.snapshot):
            self._look_again()
            written = self._write()
        return self._finish(written, world.take_up(written.real, written.revision))

    def _look_again(self) -> None:
        """In our turn: others of ours may have flipped other routes, and somebody may have set a hold."""
        now = self._world.read()
        if now.real != self._drafted.snapshot.real:
            raise ConflictError(now.path)
        if now.data != self._drafted.snapshot.data:
            again = draft(self._order, self._world, now)
            judged = bool(self._drafted.climbing or again.climbing)
            if not again.flips or (judged and not again.asks_the_same_as(self._drafted)):
                raise ConflictError(now.path)
            self._drafted = replace(again, judgements=self._drafted.judgements, doubts=self._drafted.doubts)
        if self._order.cutover:
            return
        record = self._world.record(now.real) if any(route.data for route in self._drafted.routes) else Record()
        against = list(_across(replace(self._drafted, record=record)))
        if self._drafted.climbing:
            against += held(self._drafted.climbing, self._journal.spooled())
        if against:
            raise Refused(self._drafted.flips, against, self._drafted.judgements)

    def _write(self) -> Snapshot:
        """The file with the flips made; on any error the old one, and no intention that is not settled."""
        snapshot, text, world = self._drafted.snapshot, self._drafted.text, self._world
        try:
            try:
                return world.put(snapshot, text, self._intend)
            except NoRoomError:
                if self._may_wait:
                    raise
            return world.overwrite(snapshot, text, self._intend)
        except Exception:
            if self.intended and (now := world.read()).revision == self.intended[0].digest:
                return now  # it is there: only the folder could not be synced
            self._conclude(Kind.ABANDONED, "the file could not be written")
            raise

    def _intend(self, data: bytes) -> None:
        """All that is left to do is to change the file: write down that it will be. A rollback does not fail for this."""
        digest = sha256(data).hexdigest()
        self.intended = [self._entry(Kind.INTENDED, flip, digest) for flip in self._drafted.flips]
        holds = [self._entry(Kind.HOLD, flip, "") for flip in self._holding]
        self._write_down([*self.intended, *holds], needed=self._may_wait)

    @property
    def _may_wait(self) -> bool:
        """Nobody is harmed if it is not done now. The way down must not fail for a full disk, nor may what a cutover has decided:
        writes wait for it."""
        return bool(self._drafted.climbing) and not self._order.cutover

    @property
    def _holding(self) -> Sequence[Flip]:
        """A step down is a rollback, whatever it is called: nothing climbs there again by itself."""
        return [flip for flip in self._drafted.flips if not flip.up]

    def _entry(self, kind: Kind, flip: Flip, digest: str) -> Entry:
        world, order = self._world, self._order
        judgement = self._drafted.judgements.get(flip.route)
        told = kind is Kind.INTENDED and judgement is not None
        return Entry(
            id=world.name(),
            kind=kind,
            flip=self._name,
            at=world.now(),
            actor=order.actor,
            route=flip.route,
            before=flip.before if kind is not Kind.HOLD else flip.after,
            after=flip.after,
            reason=order.reason,
            forced=order.force and flip.up,
            verdict=str(judgement.verdict) if judgement is not None else self._drafted.doubts,
            evidence=tuple(asdict(finding) for finding in judgement.findings) if told and judgement else (),
            digest=digest,
        )

    def _conclude(self, kind: Kind, reason: str = "") -> None:
        """Write down what became of the flip. If that fails, whoever comes next does it."""
        entries = [
            replace(entry, id=self._world.name(), kind=kind, at=self._world.now(), evidence=(), reason=reason or entry.reason)
            for entry in self.intended
        ]
        self._write_down(entries, needed=False)

    def _write_down(self, entries: Sequence[Entry], needed: bool) -> None:
        try:
            if entries:
                self._world.add(self._journal, entries)
        except JournalError as error:
            if needed:
                raise
            self.notes.append(f"{error}; it is journalled as soon as it can be")

    def _finish(self, written: Snapshot, answer: Answer) -> Done:
        match answer.outcome:
            case Outcome.REFUSED:
                self._take_back(written, answer.why)
            case Outcome.LATE:
                raise UnreachableError(
                    f"{written.path} is changed, but not every worker of pid {answer.pid} decides by it yet: {answer.why}; "
                    "see `strangler status`"
                )
        self._conclude(Kind.LIVE)
        return Done(
            Effect.LIVE if answer.outcome is Outcome.SERVED else Effect.LATER,
            self._drafted.flips,
            self._name,
            self._drafted.judgements,
            held=tuple(flip.route for flip in self._holding),
            notes=tuple(dict.fromkeys(self.notes)),
            digest=written.revision,
        )

    def _take_back(self, written: Snapshot, why: str) -> None:
        """What is served has stayed as it was; so the file goes back too, as far as it is what we have made of it."""
        back, world = self._drafted.flips, self._world
        try:
            with world.turn(written):
                now = world.read()
                ours = now.data == written.data
                changes = [change(flip.route, flip.before) for flip in back]
                world.put(now, self._drafted.snapshot.text if ours else edit(now.text, changes), lambda data: None)
            what = "the file is as it was"
        except StranglerError as error:
            what = f"the file could not be put back: {error}"
        else:
            self._conclude(Kind.ABANDONED, "refused by the running proxy")
            world.take_up(written.real, self._drafted.snapshot.revision)
        raise Refused(back, [*why.splitlines(), f"what was served before goes on; {what}"], self._drafted.judgements)
