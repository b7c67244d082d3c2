"""The one path of every cutover, both ways: step by step as `core.cutover` says, taken back where a step fails before the
decision, and gone on with, however long it takes, after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from strangler.control.cutover.hands import Hands
from strangler.control.cutover.looking import Look, look
from strangler.control.cutover.order import Done, Effect, Order, Tell, Told
from strangler.control.cutover.sides import Sides
from strangler.control.flipping.door import Outcome
from strangler.control.flipping.draft import draft
from strangler.control.flipping.flip import flip
from strangler.control.flipping.order import Effect as Flipped
from strangler.control.flipping.order import Order as Flipping
from strangler.core.cutover import FORWARD, Move, Record, Step, undo
from strangler.core.cutover_terms import goal
from strangler.core.errors import DatabaseError, Refusal, StranglerError, UnreachableError
from strangler.core.flip import Flip, members
from strangler.core.journal import Entry, Kind
from strangler.core.model import Config

PREPARING = 600.0  # seconds for what is compared while nobody waits
SPARE = 0.25  # seconds of the hold that are left for the decision
LOOK = 0.01  # between two questions of how far something is
AGAIN = (0.2, 0.5, 1.0, 2.0)  # seconds between two tries of what has to be done
MORE = 5.0


def cutover(order: Order, hands: Hands, tell: Tell = lambda told: None) -> Done:
    """Carry out an order. Whatever it says, no write is held when this returns, unless the effect is UNSETTLED.

    Raises UsageError if the order makes no sense, there is no such route, or the file or the record is wrong; Refusal if another
    cutover is under way.
    """
    order.check()
    seen = look(order, hands)
    if order.dry_run:
        return _said(Effect.PLANNED, seen)
    if seen.against:
        return _said(Effect.REFUSED, seen)
    with hands.alone():
        record = hands.read()
        if record != seen.record:
            raise Refusal("another cutover has ended just now: `strangler status` shows how things stand; try again")
        move = _move(order, hands, seen)
        with hands.sides(seen.config, seen.mappings) as sides:
            return Course(hands, sides, record, move, tell, seen).run(FORWARD)


class Course:
    """One cutover on its way, or one that is being settled.

    Args:
        seen: what it was decided on; None for one that was found.
    """

    def __init__(self, hands: Hands, sides: Sides, record: Record, move: Move, tell: Tell, seen: Look | None = None) -> None:
        self._hands, self._sides, self._record, self._move, self._tell, self._seen = hands, sides, record, move, tell, seen
        self._until = self._begun = 0.0
        self._held: float | None = None
        self._waited = 0
        self._owners: dict[str, tuple[str, int]] = {}
        self._steps: dict[Step, float] = {}
        self._notes: list[str] = []

    def run(self, steps: Sequence[Step]) -> Done:
        """Do these steps; what fails before the decision is taken back, and anything after it is tried until it is done."""
        for step in steps:
            try:
                self._timed(step)
            except Exception as error:
                if step is Step.PREPARE:
                    return self._done(Effect.REFUSED, objections=tuple(_brief(error).splitlines()))
                if undo(step) and not self._record.decided:
                    return self._take_back(step, _brief(error))
                if not self._insist(step, error):
                    return self._done(Effect.UNSETTLED, why=f"{step}: {_brief(error)}")
        return self._done(Effect.DONE)

    def _timed(self, step: Step) -> None:
        begun = self._hands.clock()
        self._tell(Told(step))
        words = self._do(step)
        self._steps[step] = seconds = self._hands.clock() - begun
        self._tell(Told(step, seconds, words))

    def _do(self, step: Step) -> str:
        doing: dict[Step, Callable[[], str]] = {
            Step.PREPARE: self._prepare,
            Step.OPEN: self._open,
            Step.HOLD: self._hold,
            Step.DRAIN: self._drain,
            Step.CATCH_UP: self._catch_up,
            Step.VERIFY: self._verify,
            Step.KEEP: self._keep,
            Step.DECIDE: self._decide,
            Step.BUMP: self._bump,
            Step.LIVE: self._live,
            Step.RELEASE: self._release,
            Step.CLOSE: self._close,
        }
        return doing[step]()

    def _insist(self, step: Step, error: Exception) -> bool:
        """It has to be done, since there is no way back. False if this process has to end first."""
        said, tries = "", 0
        while True:
            if (words := _brief(error)) != said:
                self._tell(Told(step, words=f"{words}; it is tried again until it is done"))
            said = words
            if not self._hands.pause(AGAIN[tries] if tries < len(AGAIN) else MORE):
                return False
            tries += 1
            try:
                self._timed(step)
                return True
            except Exception as another:
                error = another

    def _take_back(self, failed: Step, why: str) -> Done:
        """The old owner, the old table, and nobody waits."""
        for step in undo(failed):
            try:
                self._timed(step)
            except Exception as error:
                if failed is Step.DECIDE and not self._insist(step, error):
                    return self._done(Effect.UNSETTLED, why=f"{failed}: {why}; {step}: {_brief(error)}")
                self._notes.append(f"{step}: {_brief(error)}")
        if failed is Step.DECIDE:
            with suppress(StranglerError):  # nobody would ask for it any more
                self._sides.revert(self._move.token)
        self.journal(f"cutover taken back at {failed}: {why}")
        return self._done(Effect.REVERTED, why=f"{failed}: {why}")

    # The steps. Each says what there is to say of it, or raises.

    def _prepare(self) -> str:
        said = self._sides.prepare(self._hands.clock() + PREPARING)
        if not said.ok:
            raise Refusal("\n".join(said.words))
        self._foresee()
        self._follow()
        return f"{said.keys:,} keys compared while nobody waits"

    def _foresee(self) -> None:
        """Everything that can be known of the file as it will be is found out before: while writes wait, it is only put there."""
        world = self._hands.world
        draft(self._flipping, world, world.read())
        self._hands.foresee(self._record.opened(self._move))

    @property
    def _flipping(self) -> Flipping:
        move = self._move
        reason = f"cutover to the {move.to} side" + (f": {move.reason}" if move.reason else "")
        return Flipping(move.name, move.actor, move.flips[0].after.stage, reason=reason, force=move.forced, cutover=move.token)

    def _follow(self) -> None:
        """What is written now has to arrive within the time that writes would wait for it."""
        until, marker = self._hands.clock() + self._move.hold, self._sides.mark()
        while left := self._sides.waits_for(marker):
            if self._hands.clock() >= until or not self._hands.pause(LOOK):
                raise Refusal(
                    f"{left} changes were on their way for longer than writes may wait ({self._move.hold:g} s, --hold): does the "
                    "relay run? `strangler data status`"
                )

    def _open(self) -> str:
        """In the turn of those who write the file: it is still what was looked at."""
        hands, seen = self._hands, self._seen
        assert seen is not None
        with hands.world.turn(seen.snapshot):
            now = hands.world.read()
            if _flips(hands.world.config(now.data), self._move, seen.flips) != seen.flips or now.real != seen.snapshot.real:
                raise Refusal(f"{now.path} has just been changed: look at it, and try again")
            opened = self._record.opened(self._move)
            hands.make_room(opened)
            self._record = opened
            hands.write(opened)
        return ""

    def _hold(self) -> str:
        self._begun = self._hands.clock()
        self._until = self._begun + self._move.hold
        said = self._hands.hold(self._move, self._record.decided)
        if said.get("refused"):
            raise Refusal(said["refused"])
        while said["late"]:
            self._wait(f"{', '.join(said['late'])} did not say in time that it holds the writes")
            said = self._hands.holding()
        return f"writes of {self._move.name} wait"

    def _drain(self) -> str:
        while (said := self._hands.holding())["at_work"] or said["late"]:
            late = f"; {', '.join(said['late'])} has not said anything" if said["late"] else ""
            number = f"{said['at_work']} write{'s' * (said['at_work'] != 1)}"
            self._wait(f"{number} did not end in time: a slow answer, or a client that sends slowly{late}")
        return "no write is in flight"

    def _catch_up(self) -> str:
        marker = self._sides.mark()
        while left := self._sides.waits_for(marker):
            self._wait(f"{left} changes had not arrived on the other side in time: does the relay run? `strangler data status`")
        return "the other side has every change"

    def _verify(self) -> str:
        said = self._sides.verify(self._until - SPARE)
        if not said.ok:
            raise Refusal("\n".join(said.words) or "the two sides could not be compared")
        return f"{said.keys:,} keys are the same on both sides"

    def _keep(self) -> str:
        if not self._hands.keep(self._move.token):
            raise Refusal(f"it took longer than the {self._move.hold:g} s that writes may wait (--hold)")
        return ""

    def _decide(self) -> str:
        decided = self._record.with_decision()
        self._hands.write(decided)
        self._record = decided
        return ""

    def _bump(self) -> str:
        self._owners = dict(self._sides.bump(self._move.to, self._move.token))
        wrong = [name for name in self._move.mappings if self._owners.get(name, ("", 0))[0] != self._move.to]
        if wrong:
            raise DatabaseError(f"{', '.join(wrong)}: the databases do not say that the owner is {self._move.to}")
        return "; ".join(f"{name}: owner {owner}, epoch {epoch}" for name, (owner, epoch) in self._owners.items())

    def _live(self) -> str:
        """The file, by the path of every flip, and every worker by it."""
        world, move = self._hands.world, self._move
        config = world.config(world.read().data)
        if not {route.name for route in config.routes} & set(move.routes):
            return f"{world.path} has no route of {move.name} any more"
        done = flip(self._flipping, world, self._seen.judgements if self._seen is not None else None)
        if done.effect is Flipped.NOTHING:
            answer = world.take_up(world.read().real, "")  # whoever serves the file may not know who owns the data now
            if answer.outcome in (Outcome.REFUSED, Outcome.LATE):
                raise UnreachableError(f"not every worker decides by the new table: {answer.why}")
        self._notes += done.notes
        return "every worker decides by the new table"

    def _release(self) -> str:
        with suppress(StranglerError, KeyError):
            self._waited = self._hands.holding()["waiting"]
        self._hands.release(self._move.token)
        if self._begun:
            self._held = self._hands.clock() - self._begun
        return f"{self._waited} that waited go on" if self._waited else ""

    def _close(self) -> str:
        self._record = self._record.closed(self._owners)
        self._hands.write(self._record)
        return ""

    # What they share.

    def _wait(self, else_: str) -> None:
        """A moment, if there is one left. What was decided has all the time that it takes."""
        if not self._record.decided and self._hands.clock() >= self._until - SPARE:
            raise Refusal(f"{else_} ({self._move.hold:g} s, --hold)")
        if not self._hands.pause(LOOK):
            raise Refusal("strangler is being stopped")

    def journal(self, reason: str) -> None:
        """Write down that it came to nothing, and why."""
        world, move = self._hands.world, self._move
        told = Kind.ABANDONED, move.token, world.now(), move.actor
        try:
            snapshot = world.read()
            entries = [Entry(world.name(), *told, flip.route, flip.before, flip.after, reason) for flip in move.flips]
            world.add(world.journal(world.config(snapshot.data), snapshot.real), entries)
        except StranglerError as error:
            self._notes.append(f"not in the journal: {error}")

    def _done(self, effect: Effect, **more: Any) -> Done:
        judgements = self._seen.judgements if self._seen is not None else {}
        return Done(
            effect,
            self._move.flips,
            self._move.mappings,
            judgements=judgements,
            owners=self._owners,
            steps={str(step): seconds for step, seconds in self._steps.items()},
            held=self._held,
            waited=self._waited,
            token=self._move.token,
            notes=tuple(dict.fromkeys(self._notes)),
            **more,
        )


def _move(order: Order, hands: Hands, seen: Look) -> Move:
    world = hands.world
    asked = order.to, order.actor, world.now(), order.hold, order.reason, order.force
    return Move(world.name(), order.name, seen.flips, seen.mappings, *asked)


def _flips(config: Config, move: Move, wanted: tuple[Flip, ...]) -> tuple[Flip, ...]:
    return goal(members(config, move.name), move.to, wanted[0].after.stage if move.to == "old" else None)


def _said(effect: Effect, seen: Look) -> Done:
    return Done(effect, seen.flips, seen.mappings, seen.against, judgements=seen.judgements, rehearsal=seen.rehearsal)


def _brief(error: Exception) -> str:
    """Ours is made for people; of another's the kind has to do, with what it says."""
    return str(error) if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
