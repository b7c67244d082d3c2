"""What becomes of a cutover whose process has gone, and of a hold that nobody asks for: settled by whoever comes next."""

from __future__ import annotations

from collections.abc import Callable

from strangler.control.cutover.driver import Course
from strangler.control.cutover.hands import Hands
from strangler.control.cutover.order import Done, Effect
from strangler.control.cutover.sides import Sides
from strangler.core.cutover import NEW, Move, Record, in_words, recovery
from strangler.core.cutover_terms import mappings_of
from strangler.core.errors import Refusal, StranglerError
from strangler.core.model import Config


def settle(hands: Hands, say: Callable[[str], None]) -> Done | None:
    """Settle what is open, and let go what nobody holds; what came of it, or None if nothing was open.

    Where no data has ever moved, and none can, nothing is asked of the folder: it may be read-only, and stays as it is.
    Raises Refusal if somebody is at it, RecordError, or UnreachableError if nobody serves the file: ask again then.
    """
    if hands.without_record and not _config(hands).mappings:
        return None
    with hands.alone():
        record = hands.read()
        move = record.move
        if move is None:
            hands.release("")
            if hands.without_record:
                _adopt(hands, say)
            return None
        say(f"the cutover of {move.name} was cut off {'after' if record.decided else 'before'} its decision: it is settled now")
        with hands.sides(_config(hands), move.mappings) as sides:
            bumped = not record.decided and _bumped(sides, move, say)
            course = Course(hands, sides, _decided(hands, record) if bumped else record, move, lambda told: None)
            done = course.run(recovery(record, bumped))
            if done.effect is Effect.DONE and not (record.decided or bumped):
                course.journal("the cutover was cut off, and taken back")
    say(_in_words(move, record.decided or bumped, done))
    return done


def _config(hands: Hands) -> Config:
    """The file as it is. Raises UsageError."""
    return hands.world.config(hands.world.read().data)


def _adopt(hands: Hands, say: Callable[[str], None]) -> None:
    """Take over what both databases say, where the record was lost; one that cannot be asked is asked at the next start."""
    world, config = hands.world, _config(hands)
    names = mappings_of(config.routes)
    if not names or not config.mappings:
        return
    try:
        with hands.sides(config, names) as sides:
            said = {name: old for name, (old, new) in sides.owners().items() if old == new and old[0] == NEW}
    except StranglerError as error:
        say(f"it is not known who owns {in_words(names)}, so it is taken for legacy's: {error}")
        return
    if said:
        hands.write(Record().closed(said))
        world.take_up(world.read().real, "")
        say(f"the record of cutovers was lost; both databases say that modern owns {in_words(list(said))}, and so it is")


def _bumped(sides: Sides, move: Move, say: Callable[[str], None]) -> bool:
    """Whether an owner was moved although the record does not say so. A database that cannot be asked moved nothing: the record
    is written first."""
    try:
        sides.revert(move.token)
    except Refusal as error:
        say(f"{move.name}: {error}")
        return True
    except StranglerError as error:
        say(f"{move.name}: a database cannot be asked, and the record says that nothing was decided: {error}")
    return False


def _decided(hands: Hands, record: Record) -> Record:
    decided = record.with_decision()
    hands.write(decided)
    return decided


def _in_words(move: Move, forward: bool, done: Done) -> str:
    if done.effect is not Effect.DONE:
        return f"the cutover of {move.name} is not settled: {done.why}; its writes wait: `strangler status`"
    if forward:
        return f"the cutover of {move.name} is finished: the {move.to} side owns {', '.join(move.mappings)}"
    return f"the cutover of {move.name} is taken back: everything is as it was before it"
