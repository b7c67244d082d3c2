"""What the traffic's half of a cutover asks of the data, in the order in which it asks:

    with DataSide(plan, ("customers", "orders")) as data:
        data.refusals("new")                     # lines; empty: it may go
        data.rehearsal("new")                    # how it would go
        data.prepare(deadline)                   # compares most of it before writers have to wait
        # hold the writers, wait until what is in flight has ended
        marker = data.mark()
        data.waits_for(marker)                   # again and again, until 0
        data.verify(deadline)                    # .ok
        # keep the decision where a crash leaves it: from here on it goes forward
        data.bump("new", token)                  # again after a crash, until it returns
        # live, release

Before the decision is kept, `revert(token)` makes sure that a `bump` with that token, by whoever is late, does nothing.
Everything may be asked again after a crash, by another process.
"""

from __future__ import annotations

from types import TracebackType

from reconcile.cutover import marker as markers
from reconcile.cutover import move, objections, rehearsing, verification
from reconcile.cutover.databases import Databases
from reconcile.cutover.marker import Awaited
from reconcile.cutover.values import Marker, Rehearsal, Verified
from reconcile.cutover.verification import Time
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import Owner, Ownership


class DataSide:
    """The mappings that move together. Nothing is opened before the first question; `close`, or a `with`, closes it again.

    A deadline is a moment on `time.monotonic`, in seconds. Every method may raise DatabaseError, and can then be asked again.
    Methods block; they may be called from any one thread at a time.
    """

    def __init__(self, plan: Plan, names: tuple[str, ...]) -> None:
        """Raises UsageError for a mapping that the plan does not have."""
        chosen = {plan.mapping(name).name for name in names}
        self._databases = Databases(plan, tuple(name for name in plan.names if name in chosen))
        self._awaited: tuple[Marker, Awaited] = (Marker(), Awaited())

    def __enter__(self) -> DataSide:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the databases. Asking again opens them anew."""
        self._databases.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The mappings, in the order of the file."""
        return self._databases.names

    def refusals(self, to: Owner) -> tuple[str, ...]:
        """Everything that stands against moving the owner to this side, a line each, with what to do; empty if nothing does.

        What a database does not let us find out is a line, too.
        """
        return objections.find(self._databases, to)

    def rehearsal(self, to: Owner) -> Rehearsal:
        """How it would go now. Writes nothing but heartbeats. Takes a few seconds at most.

        Raises Refusal where that cannot be told (nothing is captured, it is not known what changed): `refusals` says why.
        """
        return rehearsing.rehearse(self._databases)

    def prepare(self, deadline: float) -> Verified:
        """Compare what was captured since the last clean pass, while writers go on: the less is left for `verify`.

        What it finds differing is to be looked into before anybody is held. Optional; nothing rests on it.
        """
        return verification.prepare(self._databases, Time(deadline))

    def mark(self) -> Marker:
        """Write a row through trigger and outbox of each owner's database, once the last write has ended.

        Raises Refusal if it is not captured: then nothing else is.
        """
        return markers.mark(self._databases)

    def waits_for(self, marker: Marker) -> int:
        """How many changes that were captured up to a marker are not settled; 0: the other side has everything.

        Raises Refusal where waiting is no use: a dead letter, a relay that was halted.
        """
        if marker != self._awaited[0]:
            self._awaited = (marker, Awaited())
        return markers.waits(self._databases, marker, self._awaited[1])

    def verify(self, deadline: float) -> Verified:
        """Compare both sides on every key that changed since the last clean pass, or that somebody wrote on the wrong side.

        Not ok if rows differ, if it is not known what changed, if somebody goes on writing, or at the deadline.
        """
        return verification.verify(self._databases, Time(deadline))

    def bump(self, to: Owner, token: str) -> dict[str, Ownership]:
        """Move the owner of all mappings to this side, in both databases, and say who owns them now.

        `token` names this cutover (64 characters at most). With the same one it may be asked again, whatever was cut off and
        by whom: it never moves anything twice. What is returned is another owner only if somebody moved them on since, by a
        later cutover or by hand. Raises Refusal if the token was reverted.
        """
        return move.move(self._databases, to, token)

    def owners(self) -> dict[str, tuple[Ownership, Ownership]]:
        """What the old database says of each mapping, and what the new one says. They differ where a move was cut off."""
        return {name: self._databases.says(name) for name in self.names}

    def revert(self, token: str) -> None:
        """Nothing is to be moved by this token any more. Raises Refusal if something was: then it has to go on with `bump`."""
        move.revert(self._databases, token)
