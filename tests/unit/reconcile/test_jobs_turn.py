"""One turn for one process, on every dialect."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from reconcile.databases.database import opened
from reconcile.jobs.tables import JOB
from reconcile.jobs.turn import ensure, renewing, take
from reconcile.mapping.model import Database as Address


@pytest.fixture
def database(fresh, dialect):
    with opened({"x": Address(fresh(dialect))}, "x") as (found,):
        ensure(found, "nightly")
        yield found


def always(began: float, now: float) -> bool:
    return True


def expire(database) -> None:
    with database.writing() as connection:
        connection.execute(update(JOB).values(lease_until=1))


def row(database):
    with database.reading() as connection:
        return connection.execute(select(JOB)).one()


def test_whoever_has_it_keeps_others_away_until_it_ends(database):
    first = take(database, "nightly", "a", always)
    assert take(database, "nightly", "b", always) is None
    assert first.end("clean")
    assert (row(database).outcome, row(database).holder) == ("clean", "a")
    assert take(database, "nightly", "b", always).token == first.token + 1


def test_a_late_holder_can_neither_renew_nor_end(database):
    late = take(database, "nightly", "a", always)
    expire(database)
    assert late.renew()  # nobody came meanwhile
    expire(database)
    successor = take(database, "nightly", "b", always)
    assert not late.renew()
    assert not late.end("clean")
    assert row(database).outcome is None
    assert successor.end("drift")
    assert row(database).outcome == "drift"


def test_a_turn_that_is_not_due_is_not_taken(database):
    asked = []

    def never(began: float, now: float) -> bool:
        asked.append((began, now))
        return False

    assert take(database, "nightly", "a", never) is None
    ((began, now),) = asked
    assert 0 <= now - began < 3600, "a new job waits for its next turn"


def test_a_job_that_nobody_declared_has_no_turn(database):
    assert take(database, "weekly", "a", always) is None


def test_of_many_at_once_one_gets_it(database):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: take(database, "nightly", str(number), always), range(12)))
    assert sum(turn is not None for turn in found) == 1


def test_declaring_a_job_again_changes_nothing(database):
    turn = take(database, "nightly", "a", always)
    ensure(database, "nightly", "weekly")
    assert row_token(database) == turn.token
    assert take(database, "weekly", "a", always) is not None


def row_token(database) -> int:
    with database.reading() as connection:
        return connection.execute(select(JOB.c.token).where(JOB.c.name == "nightly")).scalar_one()


def test_a_turn_that_is_lost_is_told_to_whoever_works(database):
    turn = take(database, "nightly", "a", always, lease=0.06)
    with renewing(turn) as lost:
        expire(database)
        while take(database, "nightly", "b", always) is None:
            expire(database)
        assert lost.wait(10)
