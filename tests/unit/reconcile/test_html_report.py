"""The page of a comparison: stands alone, escapes everything, and says the same as the JSON."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from reconcile.reports.html import Past, Sheet, render
from reconcile.reports.report import Cell, Difference, Drift, Report, Verdict

NOW = 1_700_000_000.0
HOSTILE = "<script>alert(1)</script>\"'&"


def drifted(name: str = "orders", value: str = "secret") -> Report:
    return Report(
        name, "old.orders", "new.orders", 1200, 1199, 3, True,
        counts={Drift.MISSING: 1, Drift.CHANGED: 41}, columns=Counter(total_cents=40, status=2),
        differences=(
            Difference((7,), Drift.MISSING),
            Difference((8, "x"), Drift.CHANGED, (Cell("total_cents", 1999, 1998), Cell("status", value, None))),
        ),
    )  # fmt: skip


CLEAN = Report("customers", "old.customer", "new.customers", 117, 117, 1, True)
EMPTY = Report("products", "old.product", "new.products", 0, 12, 1, True)


def page(*reports: Report, values: bool = False, past: tuple[Past, ...] = ()) -> str:
    return render([Sheet(report.document(values=values), past) for report in reports], now=NOW, title="mappings.yaml")


def text(html: str) -> str:
    """What a reader sees."""

    class Reader(HTMLParser):
        seen = ""

        def handle_data(self, data: str) -> None:
            self.seen += f" {data}" if self.get_starttag_text() != "<style>" else ""

    reader = Reader()
    reader.feed(html)
    return " ".join(reader.seen.split())


@pytest.mark.parametrize(
    ("reports", "answer"),
    [
        ((), "Nothing was compared"),
        ((CLEAN,), "Both sides are equal"),
        ((CLEAN, CLEAN), "All 2 mappings are clean"),
        ((CLEAN, drifted(), EMPTY), "Of 3 mappings: 1 drifted, 1 could not be told, 1 clean"),
    ],
)
def test_the_answer_comes_first(reports, answer):
    assert answer in re.search(r'class="answer">(.*?)<', page(*reports)).group(1)


def test_it_names_tables_counts_columns_rows_and_the_next_command():
    seen = text(page(drifted()))
    for words in ("old.orders : 1,200 rows", "missing 1", "changed 41", "total_cents 40", "7 missing", "8, x changed"):
        assert words.replace(" :", ":") in seen
    assert "strangler data repair plan orders" in seen
    assert "and 40 more" in seen


def test_a_pass_over_what_changed_does_not_pass_for_one_over_all_rows():
    assert "all keys looked at" in text(page(drifted()))
    assert "only keys looked at that were captured since" in text(page(replace(drifted(), full=False)))


def test_values_are_only_in_it_where_they_were_asked_for():
    assert "secret" not in page(drifted())
    assert "text of 6" in page(drifted())
    assert "secret" in page(drifted(), values=True)


def test_nothing_from_the_databases_is_taken_for_markup():
    html = page(drifted(HOSTILE, HOSTILE), values=True)
    assert "<script" not in html
    assert HOSTILE in text(html)


def test_it_loads_nothing():
    assert re.findall(r"(?:src|href)=\"(?!#)|url\(|@import|https?://", page(CLEAN, drifted(), EMPTY)) == []


def test_earlier_passes_are_told_with_their_verdict_in_words():
    html = page(CLEAN, past=(Past(NOW, "clean"), Past(NOW - 86400, "drift", 41), Past(NOW - 2 * 86400, "cannot_say")))
    assert "2023-11-13 22:13 UTC: drift" in html
    assert [verdict for verdict in Verdict if f'class="{verdict}"' in html] == list(Verdict)


def test_a_pass_that_could_not_say_says_why():
    assert "the old side has no rows" in text(page(EMPTY))
