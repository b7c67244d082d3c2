"""DESIGN section 4, written down a second time, and held against what the table decides."""

from __future__ import annotations

from itertools import product

import pytest

from strangler.core.decide import Forward, Table
from strangler.core.ladder import OnFailure, render_diagram
from strangler.core.model import Side, Stage
from tests.unit.given import config, request

# stage, method, has data, moved, below the weight -> served by, copy to (if `during` and `methods` let it), on failure
#   "legacy" as failure means: legacy answers if `fallback: safe`, else 502
EXPECTED = """
legacy   any    any  any   any    legacy  -       502
shadow   any    any  any   any    legacy  modern  502
canary   safe   any  no    below  modern  legacy  legacy
canary   safe   any  moved below  modern  legacy  502
canary   safe   any  any   rest   legacy  modern  502
canary   unsafe none any   below  modern  legacy  502
canary   unsafe none any   rest   legacy  modern  502
canary   unsafe data no    any    legacy  modern  502
canary   unsafe data moved any    modern  legacy  503
modern   safe   any  no    any    modern  legacy  legacy
modern   safe   any  moved any    modern  legacy  502
modern   unsafe none any   any    modern  legacy  502
modern   unsafe data any   any    modern  legacy  503
retired  safe   any  any   any    modern  -       502
retired  unsafe none any   any    modern  -       502
retired  unsafe data any   any    modern  -       503
"""
ROWS = [line.split() for line in EXPECTED.strip().splitlines()]


def expected(stage: str, method: str, data: str, moved: str, where: str) -> tuple[str, str, str]:
    case = (stage, method, data, moved, where)
    fitting = [row[5:] for row in ROWS if all(cell in ("any", value) for cell, value in zip(row, case, strict=False))]
    assert len(fitting) == 1, case
    return tuple(fitting[0])


STAGES, METHODS = [str(stage) for stage in Stage], {"safe": "GET", "unsafe": "POST"}
CASES = list(product(STAGES, METHODS, ["none", "data"], ["no", "moved"], ["below", "rest"], ["off", "safe"]))


def decide(stage: str, method: str, data: str, moved: str, where: str, keys: str) -> Forward:
    listed = "data: [orders]" if data == "data" else "unsafe: independent"
    rules = config(
        f"defaults: {{sticky: {{by: ip, missing: draw}}, weight: 50%, {listed}, {keys}}}\nmappings: [given.py]\n"
        f"routes: [{{name: r, match: {{path: /a}}, stage: {stage}}}]"
    )
    table = Table(rules, ["orders"] if moved == "moved" else [])
    decision = table.decide(request(f"{METHODS[method]} /a", client=""), 0.49 if where == "below" else 0.5)
    assert isinstance(decision, Forward)
    return decision


@pytest.mark.parametrize(("stage", "method", "data", "moved", "where", "fallback"), CASES)
def test_the_ladder(stage, method, data, moved, where, fallback):
    if data == "none":
        moved = "no"
    side, copy, failure = expected(stage, method, data, moved, where)
    outcome = {"legacy": OnFailure.FALLBACK, "502": OnFailure.BAD_GATEWAY, "503": OnFailure.UNAVAILABLE}
    wanted = outcome[failure if fallback == "safe" or failure != "legacy" else "502"]
    for during, methods in product(["[shadow, canary, modern]", "[]"], ["[GET, POST]", "[PUT]"]):
        keys = f"fallback: {fallback}, shadow: {{during: {during}, methods: {methods}}}"
        if stage == "shadow" and (during == "[]"):
            continue  # refused: a shadow that never happens
        found = decide(stage, method, data, moved, where, keys)
        copied = copy if during != "[]" and methods != "[PUT]" else "-"
        assert (found.upstream, found.copies_to or "-", found.on_failure) == (side, copied, wanted)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_no_decision_contradicts_itself(case):
    stage, method, data, moved, where, fallback = case
    keys = f"fallback: {fallback}, shadow: {{during: [shadow, canary, modern], methods: [GET, POST]}}"
    found = decide(stage, method, data, moved, where, keys)
    assert found.upstream == str(found.side)
    assert found.copies_to != found.upstream, "the copy goes to the side that serves"
    assert bool(found.fallback) == (found.on_failure is OnFailure.FALLBACK)
    if stage == "retired":
        assert "legacy" not in (found.upstream, found.copies_to, found.fallback)
    if method == "unsafe":
        assert not found.fallback, "a write sent twice"
    if found.side is Side.LEGACY:
        assert not found.fallback
    if data == "data" and moved == "moved" and method == "unsafe" and stage == "canary":
        assert found.side is Side.MODERN, "a write where the data is not owned"


def test_copies_are_sent_only_at_the_stages_listed():
    for listed in ("shadow", "canary", "modern"):
        for stage in STAGES:
            if stage == "shadow" != listed:
                continue
            found = decide(stage, "safe", "none", "no", "below", f"shadow: {{during: [{listed}]}}")
            assert bool(found.copies_to) == found.counted == (stage == listed)


def test_the_ledger_sees_what_is_not_copied_for_its_method_too():
    found = decide("shadow", "unsafe", "none", "no", "rest", "shadow: {methods: [GET]}")
    assert (found.counted, found.copies_to) == (True, "")


def test_every_stage_is_drawn_once_the_top_first():
    stages = [line.split()[0] for line in render_diagram().splitlines()[1:] if not line.startswith(" ")]
    assert stages == STAGES[::-1]
