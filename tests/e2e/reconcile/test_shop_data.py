"""The story that mappings.yaml promises, on the samples' own schemas and facts, through the commands as typed."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import reconcile
from reconcile.cli import main
from sample_legacy import facts
from sample_legacy import seed as legacy
from sample_modern import schema, seed

ROOT = Path(__file__).parents[3]
CUSTOMERS = sum(not customer.deleted for customer in facts.load().customers)


class Shop:
    """Both shops' databases in one folder, where the commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "mappings.yaml", folder)
        self._create("legacy.db", lambda engine: legacy.prepare(engine, facts.load()))
        self._create("modern.db", schema.metadata.create_all)

    def old(self, sql: str) -> list[tuple[object, ...]]:
        return self._run("legacy.db", sql)

    def new(self, sql: str) -> list[tuple[object, ...]]:
        return self._run("modern.db", sql)

    def _create(self, name: str, fill) -> None:
        engine = create_engine(f"sqlite:///{self.folder / name}")
        fill(engine)
        engine.dispose()

    def _run(self, name: str, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / name)) as connection, connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OLD_DATABASE", raising=False)
    monkeypatch.delenv("NEW_DATABASE", raising=False)
    return Shop(tmp_path)


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str]):
    """Type a command; its exit code, what it printed, and its errors."""

    def type_(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return type_


def test_customers_from_nothing_to_clean_to_drift_to_clean(shop: Shop, type_):
    code, out, _ = type_("check")
    assert (code, out.splitlines()[-1]) == (0, "mappings.yaml: 0 problems, 1 warning")
    assert "customers: both ways" in out.splitlines()
    assert "memberships: not all the way back: it has no `back`" in out.splitlines()

    code, out, _ = type_("reconcile", "customers")
    assert (code, out.splitlines()[0]) == (3, "customers: drift")

    code, out, _ = type_("backfill", "customers", "--chunk", "7")
    assert (code, out.splitlines()[0]) == (0, f"customers: {CUSTOMERS} inserted, 0 updated, 0 deleted, 0 unchanged")
    code, out, _ = type_("reconcile", "customers")
    assert (code, out.splitlines()[0]) == (0, "customers: clean")

    shop.new("DELETE FROM customers WHERE id IN (7, 8)")
    shop.new("INSERT INTO customers VALUES (5000, 'shop', 'Eve', 'eve@example.org', NULL, 'active', '2024-01-01T00:00:00Z', 0)")
    shop.new(
        "INSERT INTO customers VALUES (5001, 'fair', 'Not Ours', 'no@example.org', NULL, 'active', '2024-01-01T00:00:00Z', 0)"
    )
    shop.new("UPDATE customers SET email = 'wrong@example.org', status = 'blocked' WHERE id = 1")
    shop.new("UPDATE customers SET phone = '' WHERE id = 3")
    shop.old("UPDATE customer SET deleted = 1 WHERE cust_no = 20")

    code, out, _ = type_("reconcile", "customers", "--json", "--chunk", "5")
    (report,) = json.loads(out)["mappings"]
    assert (code, report["verdict"], report["covered"]) == (3, "drift", True)
    assert [(each["kind"], each["key"], each["columns"]) for each in report["differences"]] == [
        ("changed", [1], ["email", "status"]),
        ("changed", [3], ["phone"]),
        ("missing", [7], []),
        ("missing", [8], []),
        ("extra", [20], []),
        ("extra", [5000], []),
    ]
    assert "example.org" not in out
    _, out, _ = type_("reconcile", "customers", "--values")
    assert "email (anna.devries@example.org → wrong@example.org)" in out

    code, out, _ = type_("backfill", "customers")
    assert (code, out.splitlines()[0]) == (0, f"customers: 2 inserted, 2 updated, 2 deleted, {CUSTOMERS - 5} unchanged")
    assert type_("reconcile", "customers")[0] == 0
    assert shop.new("SELECT name FROM customers WHERE id = 5001") == [("Not Ours",)]


def test_one_row_by_hand(shop: Shop, type_):
    type_("backfill", "customers")
    shop.old("UPDATE customer SET st = 'B' WHERE cust_no = 1")
    assert type_("apply", "customers", "1", "2")[:2] == (0, "customers: 0 inserted, 1 updated, 0 deleted, 1 unchanged\n")
    assert shop.new("SELECT status FROM customers WHERE id = 1") == [("blocked",)]
    assert type_("apply", "order_items", "1,1")[2].startswith(
        "Error: order_items: new.order_items refuses the row with key (1, 1): FOREIGN KEY"
    )


def test_a_backfill_leaves_what_the_new_shops_own_seed_leaves(shop: Shop, type_, tmp_path: Path):
    assert type_("backfill")[0] == 0
    assert type_("reconcile")[0] == 0
    own = create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    seed.prepare(own, facts.load(), seed.TABLES)
    own.dispose()
    with closing(sqlite3.connect(tmp_path / "own.db")) as other:
        for table in seed.TABLES:
            assert (
                shop.new(f"SELECT * FROM {table} ORDER BY 1, 2")
                == other.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            )


def test_an_emptied_old_shop_deletes_nothing_and_is_not_clean(shop: Shop, type_):
    type_("backfill", "customers")
    shop.old("DELETE FROM customer")
    code, out, err = type_("backfill", "customers")
    assert (code, out) == (3, "")
    assert err.startswith(f"Error: customers: the old side has no rows, and the new side has {CUSTOMERS}")
    code, out, _ = type_("reconcile", "customers")
    assert (code, out.splitlines()[0].split(",")[0]) == (5, "customers: cannot say: the old side has no rows")
    assert shop.new("SELECT count(*) FROM customers") == [(CUSTOMERS,)]


def test_a_code_that_nobody_mapped_is_named(shop: Shop, type_):
    shop.old("UPDATE customer SET st = 'Z' WHERE cust_no = 4")
    code, _, err = type_("backfill", "customers")
    assert (code, err.count("\n")) == (3, 1)
    assert "customers: old.customer key 4: status: 'Z' is not in the map" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("reconcile", "custmers"), 2, "did you mean 'customers'?"),
        (("backfill", "customers", "-c", "nothing.yaml"), 2, "nothing.yaml: cannot be read: No such file or directory"),
        (("apply", "customers"), 2, "Missing argument 'KEY...'"),
        (("backfill", "customers", "--max-delete-share", "5"), 2, "write 5%"),
        (("apply", "customers", "one"), 2, "the key 'one' of old.customer is not a whole number"),
    ],
)
def test_mistakes_on_the_command_line(shop: Shop, type_, words, code, message):
    found, _, err = type_(*words)
    assert found == code
    assert message in err
    assert "Traceback" not in err


def test_problems_of_the_file_are_jumped_to(shop: Shop, type_):
    file = shop.folder / "mappings.yaml"
    file.write_text(file.read_text("utf-8").replace("convert: cents }", "convert: cent }", 1), "utf-8")
    line = next(number for number, text in enumerate(file.read_text("utf-8").splitlines(), 1) if "convert: cent }" in text)
    for words in (("backfill", "products"), ("reconcile", "customers")):
        code, _, err = type_(*words)
        assert code == 2
        assert err.startswith(f"mappings.yaml:{line}:44: mappings[2].columns.price_cents.convert: 'cent' is not one of")
    code, out, _ = type_("check")
    assert (code, out.splitlines()[-1]) == (2, "mappings.yaml: 1 problem, 0 warnings")
    code, out, _ = type_("check", "--json")
    assert (code, json.loads(out)["problems"][0]["line"]) == (2, line)


def test_databases_that_are_not_there(shop: Shop, type_, monkeypatch):
    monkeypatch.setenv("OLD_DATABASE", "sqlite:///elsewhere.db")
    code, _, err = type_("reconcile", "customers")
    assert (code, err.split(" (in")[0]) == (5, "Error: database old: there is no file elsewhere.db")
    code, out, _ = type_("check", "--json")
    assert (code, json.loads(out)["problems"][0]["path"]) == (2, "databases.old")


def test_the_python_api_of_the_docstring(shop: Shop):
    seen = []
    plan = reconcile.load("mappings.yaml", os.environ)
    counts = reconcile.backfill(plan, "customers", on_progress=seen.append)
    assert (counts.inserted, seen[-1].rows) == (CUSTOMERS, CUSTOMERS)
    assert reconcile.reconcile(plan, "customers").clean
    assert reconcile.apply(plan, "customers", [(7,), (8,)]).unchanged == 2
    assert all(problem.warning for problem in reconcile.check("mappings.yaml", os.environ))


def test_help_and_import_stay_light():
    script = "import sys, reconcile, reconcile.cli; print(sorted({'sqlalchemy', 'yaml', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "reconcile", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(word in done.stdout for word in ("check", "backfill", "apply", "reconcile"))
