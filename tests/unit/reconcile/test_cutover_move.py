"""The one move: cut off after any statement it is finished or taken back, and nobody who is late moves anything."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from reconcile.cutover.data_side import DataSide
from reconcile.owning.ownership import Ownership
from strangler.core.errors import Refusal, UsageError
from tests.unit.reconcile.cutovers import BOTH_WAYS, NAMES, Killed
from tests.unit.reconcile.relaying import Families

OLD, NEW = Ownership("old", 1), Ownership("new", 2)
MOVED = dict.fromkeys(NAMES, NEW)
STAYED = dict.fromkeys(NAMES, (OLD, OLD))


@pytest.fixture
def families(fresh, dialect, tmp_path):
    found = Families(tmp_path, fresh(dialect), fresh(dialect), BOTH_WAYS)
    yield found
    found.close()


@pytest.fixture
def data(families):
    with DataSide(families.plan, NAMES) as found:
        yield found


@contextmanager
def killed_after(writes):
    """The world ends when so many statements that write have been sent, and what was not committed is gone."""
    left = writes

    def count(connection, cursor, statement, *_):
        nonlocal left
        left -= statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE", "CREATE"))
        if left < 0:
            raise Killed

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def killed(families, writes, method, *arguments):
    """Whether it was killed before it came to its end. Whoever was killed keeps nothing open."""
    with killed_after(writes), DataSide(families.plan, NAMES) as data:
        try:
            getattr(data, method)(*arguments)
        except Killed:
            return True
    return False


def test_a_move_that_was_cut_off_anywhere_is_finished_by_anybody_and_once_begun_reverted_by_nobody(families):
    writes, seen, going_on = 0, set(), True
    while going_on:
        token, before = f"cutover {writes}", owner_of_all(families)
        to = "new" if before.owner == "old" else "old"
        going_on = killed(families, writes, "bump", to, token)
        with DataSide(families.plan, NAMES) as data:
            halves = data.owners()
            begun = any(says != (before, before) for says in halves.values())
            gaining, losing = (0, 1) if to == "old" else (1, 0)
            seen.add(tuple((says[gaining] != before, says[losing] != before) for says in halves.values()))
            if begun:
                with pytest.raises(Refusal, match=r"its owner has moved already.*: this cutover can only go on, not back"):
                    data.revert(token)
            after = Ownership(to, before.epoch + 1)
            assert data.bump(to, token) == dict.fromkeys(NAMES, after)
            assert data.owners() == dict.fromkeys(NAMES, (after, after))
        writes += 1
    assert writes > 4
    stays, half, moved = (False, False), (True, False), (True, True)
    assert seen == {(stays, stays), (stays, half), (stays, moved), (half, moved), (moved, moved)}


def test_a_reverted_cutover_moves_nothing_wherever_the_revert_or_the_move_was_cut_off(families):
    writes, going_on = 0, True
    while going_on:
        token = f"cutover {writes}"
        going_on = killed(families, writes, "revert", token)
        with DataSide(families.plan, NAMES) as data:
            data.revert(token)
            with pytest.raises(Refusal, match=r"children: this cutover was taken back: its owner stays old .epoch 1."):
                data.bump("new", token)
            assert data.owners() == STAYED
        writes += 1
    assert writes > 4


def owner_of_all(families):
    with DataSide(families.plan, NAMES) as data:
        (said,) = {each for says in data.owners().values() for each in says}
        return said


def test_who_comes_late_with_a_cutover_that_is_over_moves_nothing(data):
    assert data.bump("new", "first") == MOVED
    assert data.bump("new", "first") == MOVED
    home = dict.fromkeys(NAMES, Ownership("old", 3))
    assert data.bump("old", "second") == home
    assert data.bump("new", "first") == home
    assert data.bump("old", "second") == home
    with pytest.raises(Refusal, match="can only go on, not back"):
        data.revert("first")


def test_a_move_and_its_revert_at_once_end_one_way(families):
    for number in range(4):
        before = owner_of_all(families)
        to = "new" if before.owner == "old" else "old"
        token, barrier = f"cutover {number}", threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            moved = pool.submit(done, families, barrier, "bump", to, token)
            reverted = pool.submit(done, families, barrier, "revert", token)
        assert moved.result() is not reverted.result()
        assert owner_of_all(families).owner == (to if moved.result() else before.owner)


def done(families, barrier, method, *arguments):
    """Whether it was done rather than refused, at the same moment as another."""
    with DataSide(families.plan, NAMES) as data:
        data.owners()  # everything is open
        barrier.wait()
        try:
            getattr(data, method)(*arguments)
        except Refusal:
            return False
    return True


def test_both_sides_in_one_database_move_at_once(tmp_path, fresh, dialect):
    address = fresh(dialect)
    families = Families(tmp_path, address, address, BOTH_WAYS)
    with DataSide(families.plan, NAMES) as data:
        assert data.bump("new", "first") == MOVED
        assert data.bump("old", "second") == dict.fromkeys(NAMES, Ownership("old", 3))
        with pytest.raises(Refusal):
            data.revert("second")
        data.revert("third")
        with pytest.raises(Refusal, match="was taken back"):
            data.bump("new", "third")
    families.close()


@pytest.mark.parametrize("token", ["", "x" * 65])
def test_a_token_that_cannot_be_kept_is_refused(tmp_path, fresh, token):
    families = Families(tmp_path, fresh("sqlite"), fresh("sqlite"), BOTH_WAYS)
    with DataSide(families.plan, NAMES) as data, pytest.raises(UsageError, match="1 to 64 characters"):
        data.bump("new", token)
    families.close()
