"""The proof: an hour of mixed traffic on the sample, and what the application itself says of its endpoints.

The short form; `python -m benchmarks.discover` is the long one.
"""

from __future__ import annotations

import pytest

from benchmarks.discover import explored, score
from benchmarks.hour import as_log, recorded
from strangler.traffic.discovery.proposal import proposed
from strangler.traffic.discovery.ranking import rank
from strangler.traffic.entry import Entry
from strangler.traffic.log import entries

Hour = tuple[list[Entry], set[tuple[str, str]]]


@pytest.fixture(scope="module")
def hour() -> Hour:
    return recorded(3_000)


def test_every_endpoint_is_found_and_none_is_invented(hour: Hour) -> None:
    recording, truth = hour
    assert len(truth) >= 40
    found = explored(recording)
    judged = score(found, recording, truth)
    assert (judged.invented, judged.missed) == ((), ())
    assert len(judged.right) == len(truth)
    assert sum(one.requests for one in found.endpoints) + sum(one.requests for one in found.aside) == len(recording)


def test_a_log_tells_less_but_nothing_wrong(hour: Hour) -> None:
    """Five categories without bodies are five words: routes too many, each of which is true."""
    recording, truth = hour
    material = list(entries(as_log(recording)))
    judged = score(explored(material), material, truth)
    assert judged.missed == (("GET", "/api/categories/{name}"),)
    assert {path.rpartition("/")[0] for _, path in judged.invented} == {"/api/categories"}


def test_what_is_known_of_the_sample_is_told(hour: Hour) -> None:
    found = {one.name: one for one in explored(hour[0]).endpoints}
    assert found["GET /logout"].effects
    assert found["GET /account"].auth == {"cookie": found["GET /account"].requests}
    assert found["GET /api/reports/summary"].again[2][0] == "$.generated_at"
    assert "status" in {query.name for query in found["GET /api/orders"].query}
    assert found["GET /events"].streams
    assert found["POST /api/uploads"].sends == ("multipart/form-data",)
    assert found["GET /healthz"].methods["HEAD"] > 0


def test_what_only_reads_and_is_asked_for_most_is_first_and_what_writes_is_last(hour: Hour) -> None:
    found = explored(hour[0])
    ranked = rank(found.endpoints, found.last - found.first)
    assert ranked[0].endpoint.name == "GET /api/products/{product_id}"
    safe = [one.endpoint.safe for one in ranked]
    assert safe == sorted(safe, reverse=True)
    assert len(proposed(ranked)) >= 35
