"""The watermark: one process at a time moves it, it survives everything, and it means nothing for another mapping."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import update

from reconcile.backfilling import watermark
from reconcile.backfilling.tables import BACKFILL
from reconcile.backfilling.watermark import DONE, PAUSE, RUN, STOPPED, Lease, Place, take, tell
from reconcile.databases.clock import now
from reconcile.databases.database import opened
from reconcile.mapping.model import Database as Address
from strangler.core.errors import Refusal, UsageError

PLACE = Place("[7]", 3, 30, 100, {'["é, \\"x\\""]': "waits"}, {"[2]": "broken"})


@pytest.fixture
def database(fresh, dialect):
    with opened({"new": Address(fresh(dialect))}, "new") as (found,):
        yield found


def lease(database, token="a", seconds=15.0) -> Lease:
    return Lease(database, "things", token, seconds)


def expire(database) -> None:
    """As if the process had been dead for a minute."""
    with database.writing() as connection:
        connection.execute(update(BACKFILL).values(lease_until=now(database) - 60_000_000))


def test_it_begins_at_the_beginning_and_goes_on_where_it_stopped(database):
    assert take(lease(database), "d", 100) == Place(total=100)
    assert lease(database).save(PLACE) == RUN
    lease(database).save(PLACE, STOPPED, "why")
    assert take(lease(database, "b"), "d", 999) == PLACE


@pytest.mark.parametrize(
    ("state", "definition", "restart"), [(DONE, "d", False), (STOPPED, "other", False), (STOPPED, "d", True)]
)
def test_it_begins_anew_after_the_end_for_another_mapping_and_when_asked(database, state, definition, restart):
    take(lease(database), "d", 100)
    lease(database).save(PLACE, state)
    assert take(lease(database, "b"), definition, 50, restart=restart) == Place(total=50)


def test_a_second_one_is_refused_while_the_first_is_alive(database):
    take(lease(database), "d", 100)
    with pytest.raises(Refusal, match=r"things: another backfill is at work .*try again in 1\d s"):
        take(lease(database, "b"), "d", 100)
    lease(database).save(PLACE)


def test_a_dead_ones_lease_runs_out_and_a_late_save_is_refused(database):
    take(lease(database), "d", 100)
    lease(database).save(PLACE)
    expire(database)
    assert take(lease(database, "b"), "d", 100) == PLACE
    lease(database, "b").save(replace(PLACE, low="[8]"))
    with pytest.raises(Refusal, match="things: another backfill has taken over"):
        lease(database).save(replace(PLACE, low="[9]"))
    expire(database)
    assert take(lease(database, "c"), "d", 100).low == "[8]"


def test_a_late_one_may_go_on_if_nobody_has_taken_over(database):
    take(lease(database), "d", 100)
    expire(database)
    lease(database).save(PLACE)
    with pytest.raises(Refusal, match="another backfill is at work"):
        take(lease(database, "b"), "d", 100)


def test_one_of_many_that_start_at_once_gets_it(database):
    take(lease(database), "d", 100)  # the table is there
    expire(database)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def try_it(token: str) -> None:
        start.wait()
        try:
            take(lease(database, token), "d", 100)
            outcomes.append("taken")
        except Refusal:
            outcomes.append("refused")

    threads = [threading.Thread(target=try_it, args=(token,)) for token in "wxyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "taken"]


def test_it_is_told_to_pause_and_to_go_on_from_elsewhere(database):
    for _ in range(2):
        with pytest.raises(UsageError, match="no backfill of things is running"):
            tell(database, "things", PAUSE)
    take(lease(database), "d", 100)
    tell(database, "things", PAUSE)
    assert lease(database).save(PLACE) == PAUSE
    tell(database, "things", RUN)
    assert lease(database).save(PLACE) == RUN
    tell(database, "things", PAUSE)
    lease(database).save(PLACE, STOPPED)
    with pytest.raises(UsageError, match="no backfill of things is running"):
        tell(database, "things", RUN)
    take(lease(database, "b"), "d", 100)
    assert lease(database, "b").save(PLACE) == RUN  # an old command is not obeyed


def test_mappings_have_a_watermark_each(database):
    take(lease(database), "d", 100)
    assert take(Lease(database, "others", "a"), "d", 5) == Place(total=5)
    lease(database).save(PLACE, STOPPED)
    assert watermark.take(Lease(database, "Things", "a"), "d", 5) == Place(total=5)
    assert take(lease(database, "b"), "d", 5) == PLACE


def test_the_first_key_is_not_the_end():
    assert not Place().walked
    assert Place(chunks=1).walked
    assert not Place("[1]", chunks=1).walked
