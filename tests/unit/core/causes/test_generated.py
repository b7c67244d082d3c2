"""The proof: transforms applied at random places are named, and nothing is named wrong.

STRANGLER_TEST_CASES=30000 is the long form.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random

from strangler.core.causes import causes_of
from strangler.core.compare.compare import compare
from strangler.core.compare.rules import NO_RULES
from strangler.core.compare.view import View
from strangler.core.document import Content, Document
from tests.unit.core.causes.generated import BY_NAME, Case, case, changed

CASES = int(os.environ.get("STRANGLER_TEST_CASES", "1000"))


def judged(made: Case) -> Counter[str]:
    """How many of a case's places were named right, wrong, or not at all."""
    documents = [Document(Content.JSON, value) for value in (made.control, made.candidate)]
    found = compare(*(View(200, (), document) for document in documents), NO_RULES)
    names: dict[str, set[str]] = {}
    for cause in causes_of(found, *documents):
        names.setdefault(cause.pattern, set()).add("+".join(sorted(cause.transform.split("+"))))
    verdicts: Counter[str] = Counter()
    for pattern in made.done.keys() | names.keys():
        done, named = made.done.get(pattern, set()), names.get(pattern, set())
        verdicts["right"] += named == done
        verdicts["wrong"] += bool(named - done - {""})
        verdicts["unnamed"] += named != done and not named - done - {""}
    return verdicts


def total(make: Callable[[Random], Case], cases: int, seed: str) -> Counter[str]:
    return sum((judged(make(Random(f"{seed} {number}"))) for number in range(cases)), Counter())


def test_transforms_are_named_right_and_none_is_named_wrong():
    verdicts = total(case, CASES, "transforms")
    assert verdicts["wrong"] == 0
    assert verdicts["right"] >= 0.95 * (verdicts["right"] + verdicts["unnamed"]) > CASES * 0.95


def test_a_value_that_is_another_has_no_name():
    verdicts = total(changed, CASES, "others")
    assert verdicts["wrong"] <= CASES // 10_000  # one value can be a transform of another by accident


def test_there_are_more_than_twelve_kinds_of_transform():
    assert len(BY_NAME) >= 20
