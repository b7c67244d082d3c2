"""The data's half of a cutover, on every dialect: there and back, with nothing lost and nothing moved by halves."""

import pytest

from reconcile.owning.ownership import Ownership
from tests.unit.reconcile.cutovers import Movers


@pytest.fixture
def movers(fresh, dialect, tmp_path):
    found = Movers(tmp_path, fresh(dialect), fresh(dialect))
    yield found
    found.close()


def test_there_and_back_with_writes_on_either_side(movers):
    movers.write("UPDATE parent SET name = 'written on the old side' WHERE id = 1")
    assert movers.cut_over("new", "first") == {"parents": Ownership("new", 2), "children": Ownership("new", 2)}
    assert movers.agree()

    movers.write_new("INSERT INTO parents VALUES (4, 'born on the new side', 4)", "INSERT INTO children VALUES (4, 4, 'too')")
    movers.write_new("UPDATE parents SET name = 'written on the new side' WHERE id = 2", "DELETE FROM children WHERE id = 3")
    movers.quiesce()
    assert movers.agree()
    assert len(movers.parents) == 4

    assert movers.cut_over("old", "second") == {"parents": Ownership("old", 3), "children": Ownership("old", 3)}
    movers.write("UPDATE parent SET name = 'home' WHERE id = 4")
    movers.quiesce()
    assert movers.agree()
