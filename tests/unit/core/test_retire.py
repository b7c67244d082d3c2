"""The record of a retired route: what it says, what it misses, and that it says so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from strangler.core import retire
from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage
from strangler.core.retire import Agreed, Decommission, Proof
from tests.unit.given import route

AT = 1_795_262_400.0  # 2026-11-21 12:00 UTC
RETIRED = route("stage: retired")
PROOF = Proof(AT - 900, AT - 600, "b7", "abc", (Agreed("GET", "2xx", 1000, 999), Agreed("GET", "4xx", 20, 20)))


def entry(kind: Kind, at: float = AT, **more) -> Entry:
    words = {"before": Place(Stage.MODERN), "after": Place(Stage.RETIRED), "reason": "quiet", "verdict": "pass", **more}
    return Entry(id=f"{kind}-{at}", kind=kind, flip=f"f{at}", at=at, actor="anna", route="r", **words)


JOURNAL = [entry(Kind.INTENDED), entry(Kind.LIVE)]


def record(**changes) -> Decommission:
    words = {"route": RETIRED, "entries": JOURNAL, "last_legacy_hit": AT - 60, "last_proof": PROOF, "open_drift": ()}
    return retire.record(**{**words, **changes})


def test_a_whole_record_misses_nothing():
    found = record()
    assert (found.missing, found.retired_at, found.proof.compared, found.proof.agreed) == ((), AT, 1020, 1019)
    assert retire.answer(found) == "retired since 2026-11-21 12:00 UTC"
    assert dict(retire.facts(found)) == {
        "upstreams": "legacy → modern",
        "last answer of legacy": "2026-11-21 11:59 UTC",
        "last proof": "1,019 of 1,020 answers agreed, 2026-11-21 11:45 UTC to 2026-11-21 11:50 UTC",
        "by method and status": "GET 2xx: 999 of 1,000; GET 4xx: 20 of 20",
        "compared with": "build b7 of modern, rules abc",
        "data": "the route names no mappings",
    }
    assert [retire.told(flip) for flip in found.entries] == [
        "2026-11-21 12:00 UTC  modern → retired, by anna, guard: pass: quiet"
    ]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"route": route("stage: modern")}, "it is not retired: it stands at modern"),
        ({"entries": []}, "the journal does not know when it was retired"),
        ({"last_legacy_hit": AT + 1}, "legacy has answered a request of it since"),
        ({"last_legacy_hit": None}, "when legacy answered last was not recorded"),
        ({"last_proof": None}, "its answers were never compared"),
        ({"last_proof": replace(PROOF, current=False)}, "its rules have changed since they were compared last"),
        ({"entries": [*JOURNAL, entry(Kind.INTENDED, AT + 9)]}, "a flip of it is not settled"),
        ({"route": replace(RETIRED, data=("orders",)), "open_drift": None},
         "whether orders drift is not known: `strangler data reconcile` says"),
        ({"route": replace(RETIRED, data=("orders",)), "open_drift": ("orders: 3 rows",)}, "its data drift: orders: 3 rows"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(changes, missing):
    assert record(**changes).missing == (missing,)


def test_a_route_without_data_cannot_drift():
    assert record(open_drift=None).missing == ()


def test_entries_of_other_routes_are_not_its_own():
    assert record(entries=[*JOURNAL, replace(entry(Kind.INTENDED, AT + 9), route="other")]).entries == record().entries


def test_a_route_that_went_back_is_not_retired_since_then():
    assert record(route=route("stage: modern")).retired_at is None


def test_it_is_json_as_well():
    said = json.loads(json.dumps(retire.as_json(record())))
    assert (said["retired_at"], said["proof"]["strata"][1]["agreed"], said["journal"][0]["to"]) == (AT, 20, "retired")
    assert said["missing"] == []
