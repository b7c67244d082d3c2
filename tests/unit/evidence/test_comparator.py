"""From pairs to findings: outcomes, skips, adaptation, people's own comparisons, and what an example holds and does not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.answer import Answer
from strangler.core.difference import Kind
from strangler.core.errors import UsageError
from strangler.core.model import Side, Url
from strangler.core.observation import Observation
from strangler.core.origins import Origins
from strangler.core.outcome import SKIPS, Outcome
from strangler.core.records import Cause
from strangler.evidence.comparator import Examiner
from strangler.evidence.example import MOST_BODY, MOST_DIFFERENCES, view_of
from tests.unit.core.redact.planting import Planted, bodies, leaks
from tests.unit.evidence.given import KEY, examined, pair, seen
from tests.unit.given import route

RENAME = 'adapt: {response: {rename: {"$.customerName": "$.name"}}}'
BROKEN = seen(gzip.compress(b"{}")[:-4], content_encoding="gzip")
BOMB = seen(gzip.compress(bytes(65 * 2**20)), content_encoding="gzip")
LARGE = Observation(200, (), b"", 2**21, b"d" * 16)


@pytest.mark.parametrize(
    ("control", "candidate", "keys", "outcome"),
    [
        ('{"a":1}', '{"a": 1}', "", Outcome.MATCH),
        ('{"a":1}', '{"a":2}', "", Outcome.MISMATCH),
        ('{"a":1}', '{"a":2}', 'compare: {ignore: ["$.a"]}', Outcome.IGNORED),
        ('{"a":1}', seen(gzip.compress(b'{"a":1}'), content_encoding="gzip"), "", Outcome.MATCH),
        ('{"a":1}', seen('{"a":1}', status=500), "", Outcome.MISMATCH),
        ('{"a":1}', seen('{"a":1}', "text/plain"), "", Outcome.MISMATCH),
        ('{"name":"x"}', '{"customerName":"x"}', RENAME, Outcome.MATCH),
        (seen("no", "text/plain", 404), seen("no", "text/plain", 404), RENAME, Outcome.MATCH),
        (seen("", ""), seen("", ""), RENAME, Outcome.MATCH),
        (LARGE, LARGE, "", Outcome.MATCH),
        (LARGE, replace(LARGE, status=500), "", Outcome.MISMATCH),
        ("{}", seen("<r/>", "text/xml"), "", Outcome.MISMATCH),
        ("[" * 10_000 + "]" * 10_000, "[" * 10_000 + "]" * 10_000, "", Outcome.MATCH),
        ("[" * 10_000 + "]" * 10_000, "[" * 9_999 + "]" * 9_999, "", Outcome.MISMATCH),
        ("9223372036854775809", "9223372036854775810", "", Outcome.MISMATCH),
        ("[0.30000000000000004]", "[0.3]", "", Outcome.MISMATCH),
        ("[NaN]", "[NaN]", "", Outcome.MATCH),
        ('{"a":1,"a":2}', '{"a":2}', "", Outcome.MISMATCH),
        (seen(b"\xff", "text/plain"), seen("ÿ", "text/plain"), "", Outcome.MISMATCH),
    ],
)  # fmt: skip
def test_outcomes(control: Any, candidate: Any, keys: str, outcome: Outcome) -> None:
    found = examined(control, candidate, keys)
    assert (found.outcome, found.skipped) == (outcome, "")
    assert bool(found.example) == bool(found.causes) == (outcome is Outcome.MISMATCH)


@pytest.mark.parametrize(
    ("candidate", "keys", "detail"),
    [
        (Observation(0, failure="response_timeout"), "", "response_timeout"),
        (BROKEN, "", "ends before its coding does"),
        (BOMB, "", "decodes to more than 67108864 bytes"),
        (seen("x", content_encoding="lzma"), "", "content coding 'lzma' is not known"),
        (seen("{"), RENAME, "modern's answer cannot be translated: Expecting property name enclosed in double quotes: "
                            "line 1 column 2 (char 1)"),
        (seen("x", "text/plain"), RENAME, "modern's answer is not JSON, so nothing in it can be renamed"),
        (seen('{"customerName":1,"name":2}'), RENAME,
         "modern's answer cannot be translated: something stands where a rename would put a member"),
    ],
)  # fmt: skip
def test_candidates_that_failed(candidate: Observation, keys: str, detail: str) -> None:
    found = examined("{}", candidate, keys)
    assert (found.outcome, found.detail, found.causes) == (Outcome.CANDIDATE_FAILED, detail, ())
    assert found.example is not None
    assert found.example.candidate["body"] == ""


@pytest.mark.parametrize(
    ("control", "candidate", "values", "label"),
    [
        (Observation(0, failure="reset"), "{}", {}, "control_failed"),
        (BROKEN, "{}", {}, "undecodable"),
        (BROKEN, BROKEN, {}, "undecodable"),
        (BOMB, "{}", {}, "too_complex"),
        (LARGE, replace(LARGE, digest=b"e" * 16), {}, "body_cap"),
        (LARGE, "{}", {"keys": "compare: {headers: []}"}, "body_cap"),
        (replace(LARGE, headers=()), replace(LARGE, headers=()), {"keys": RENAME}, "body_cap"),
        ("{}", Observation(0, failure="reset"), {"again": True}, "control_failed"),
    ],
)
def test_pairs_that_say_nothing_about_the_candidate(control: Any, candidate: Any, values: dict[str, Any], label: str) -> None:
    found = examined(control, candidate, values.pop("keys", ""), **values)
    assert (found.outcome, found.skipped) == (None, label)
    assert label in SKIPS


ORIGINS = Origins([Url("http", "legacy.internal", 80), Url("http", "127.0.0.1", 9002)])
COOKIES = "compare: {headers: [set-cookie]}"


@pytest.mark.parametrize(
    ("control", "candidate", "keys", "outcome"),
    [
        ({"location": "http://legacy.internal/b"}, {"location": "http://127.0.0.1:9002/b"}, "", "match"),
        ({"location": "http://shop.example/b"}, {"location": "http://127.0.0.1:9002/b"}, "", "match"),
        ({"location": "http://shop.example/b"}, {"location": "/b"}, "", "match"),
        ({"location": "http://shop.example/b"}, {"location": "/c"}, "", "mismatch"),
        ({"location": "http://legacy.internal/b"}, {"location": "http://elsewhere.example/b"}, "", "mismatch"),
        ({"set-cookie": "a=1; Domain=legacy.internal"}, {"set-cookie": "a=1; Domain=127.0.0.1"}, COOKIES, "match"),
        ({"set-cookie": "a=1; Domain=legacy.internal"}, {"set-cookie": "a=1; Domain=example.org"}, COOKIES, "mismatch"),
    ],
)
def test_what_leads_to_an_upstream_is_the_same_for_a_client(control: Any, candidate: Any, keys: str, outcome: str) -> None:
    of = route(keys)
    told = pair(seen(status=302, **control), seen(status=302, **candidate), of, headers=((b"Host", b"shop.example"),))
    assert Examiner(of, KEY, origins=ORIGINS).examine(told, lambda cause: False).outcome == outcome


def test_evidence_under_other_rules_is_refused() -> None:
    old = pair(seen("{}"), seen("{}"), route('compare: {ignore: ["$.a"]}'))
    assert Examiner(route(""), KEY).examine(old, lambda cause: True).skipped == "rules_gone"


def hook(function: Callable[..., Any]) -> dict[str, Any]:
    return {"load": lambda name: function}


HOOKED = 'adapt: {response: {python: "mine:it"}}'
CUSTOM = 'compare: {python: "mine:it"}'


def test_a_hook_of_the_route_translates_modern_only_where_it_is_the_candidate() -> None:
    upper = hook(lambda answer: replace(answer, body=answer.body.upper()))
    assert examined('["A"]', '["a"]', HOOKED, **upper).outcome is Outcome.MATCH
    assert examined('["A"]', '["a"]', HOOKED, control_side=Side.MODERN, **upper).outcome is Outcome.MISMATCH


@pytest.mark.parametrize(
    ("function", "detail"),
    [
        (lambda answer: {}["secret"], "the hook of adapt.response raised KeyError"),
        (lambda answer: None, "the hook of adapt.response returned NoneType, not an answer"),
        (lambda answer: exit(3), "the hook of adapt.response raised SystemExit"),
    ],
)
def test_a_hook_that_fails_is_a_failure_of_modern(function: Callable[..., Any], detail: str) -> None:
    found = examined("[1]", "[1]", HOOKED, **hook(function))
    assert (found.outcome, found.detail) == (Outcome.CANDIDATE_FAILED, detail)


@pytest.mark.parametrize(
    ("said", "outcome", "patterns"),
    [
        (True, Outcome.MATCH, []),
        ([], Outcome.MATCH, []),
        (False, Outcome.MISMATCH, ["$[*]"]),
        ("$.items[0].price", Outcome.MISMATCH, ["$.items[*].price"]),
        (["$.a", "the totals"], Outcome.MISMATCH, ["$.a", "$['the totals']"]),
        ((text for text in ("$.a",)), Outcome.MISMATCH, ["$.a"]),
    ],
)
def test_a_comparison_of_ones_own_alone_decides(said: object, outcome: Outcome, patterns: list[str]) -> None:
    found = examined("[1]", "[2]", CUSTOM, **hook(lambda control, candidate: said))
    assert (found.outcome, [cause.pattern for cause in found.causes]) == (outcome, patterns)


def test_a_comparison_of_ones_own_may_see_a_difference_where_there_is_none() -> None:
    found = examined("[1]", "[1]", CUSTOM, **hook(lambda control, candidate: False))
    assert (found.outcome, found.causes) == (Outcome.MISMATCH, (Cause("$", Kind.VALUE),))


def test_a_comparison_of_ones_own_gets_decoded_answers() -> None:
    got: list[Answer] = []
    packed = seen(gzip.compress(b"[2]"), content_encoding="gzip")
    examined("[1]", packed, CUSTOM, **hook(lambda *answers: got.extend(answers)))
    assert got == [Answer(200, (("content-type", "application/json"),), b"[1]"), replace(got[1], body=b"[2]")]


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda control, candidate: 1 / 0, "ZeroDivisionError"),
        (lambda control, candidate: None, "ContractError"),
        (lambda control, candidate: [1], "ContractError"),
        (lambda control: True, "TypeError"),
        (lambda control, candidate: exit(1), "SystemExit"),
    ],
)
def test_a_comparison_of_ones_own_that_fails_is_a_skip(function: Callable[..., Any], error: str) -> None:
    found = examined("[1]", "[2]", CUSTOM, **hook(function))
    assert (found.skipped, found.detail) == ("compare_failed", error)


def test_functions_that_nobody_can_load_are_told_at_once() -> None:
    with pytest.raises(UsageError, match="mine:it"):
        Examiner(route(CUSTOM), KEY)


def test_an_example_is_made_only_where_a_cause_wants_one() -> None:
    asked: list[Cause] = []
    both = pair(seen('{"a":1,"b":2}'), seen('{"a":2,"b":"2"}'))
    found = Examiner(route(""), KEY).examine(both, lambda cause: bool(asked.append(cause)))
    assert found.example is None
    assert tuple(asked) == found.causes
    assert len(asked) == 2


def test_a_failed_candidate_asks_for_an_example_under_its_reason() -> None:
    asked: list[Cause] = []
    both = pair(seen("{}"), Observation(0, failure="reset"))
    Examiner(route(""), KEY).examine(both, lambda cause: bool(asked.append(cause)))
    assert asked == [Cause("candidate_failed", Kind.STATUS, "reset")]


def test_an_example_holds_both_answers_as_they_were_compared() -> None:
    found = examined('{"name":"x","n":1}', '{"customerName":"x","n":"1"}', RENAME, request_id="r1", at=5.0, method="GET")
    assert found.example is not None
    assert (found.example.at, found.example.request_id, found.example.target) == (5.0, "r1", "/a")
    assert found.example.candidate["body"] == '{"name":"x","n":"1"}'
    assert found.example.differences == ({"path": "$.n", "kind": "type", "control": "1", "candidate": '"1"'},)
    assert json.loads(json.dumps(asdict(found)))["stratum"][:4] == ["r", "shadow", "legacy", route(RENAME).rules]


def test_an_example_stays_small_and_says_what_it_leaves_out() -> None:
    ours, theirs = (json.dumps({"text": "x" * 300_000} | {f"k{at}": side + at for at in range(500)}) for side in (0, 1))
    found = examined(ours, theirs)
    assert found.example is not None
    assert len(found.example.differences) == MOST_DIFFERENCES + 1
    assert found.example.differences[-1] == {"path": "", "kind": "more", "control": None, "candidate": None, "count": 300}
    assert found.example.control["cut"] is True
    assert len(found.example.control["body"]) <= MOST_BODY
    assert len(json.dumps(asdict(found))) < 3 * MOST_BODY


@pytest.mark.parametrize("kind", ["application/json", "text/xml", "text/plain", "application/x-www-form-urlencoded"])
def test_an_answer_of_an_example_can_be_compared_again(kind: str) -> None:
    texts = {"application/json": '{"a":1.10,"password":"x"}', "text/xml": "<a><password>x</password>y</a>"}
    body = texts.get(kind, "a=ü&password=x")
    found = examined(seen(body, kind), seen(body, kind, 500))
    assert found.example is not None
    views = view_of(found.example.control), view_of(found.example.candidate)
    assert views[0] is not None
    assert views[1] is not None
    assert (views[0].status, views[1].status) == (200, 500)
    assert views[0].document == views[1].document
    assert views[0].document.note == ""


def test_what_is_not_all_there_is_not_compared_again() -> None:
    found = examined(seen(b"\x00", "image/png"), seen(b"\x01", "image/png"))
    assert found.example is not None
    assert view_of(found.example.control) is None


LEGS = (b"GET / HTTP/1.1\r\n\r\n",) * 2


@pytest.mark.parametrize(
    ("data", "candidate", "values", "again"),
    [
        (("orders",), "[2]", {"legs": LEGS}, True),
        (("orders",), "[1]", {"legs": LEGS}, False),
        (("orders",), "[2]", {}, False),
        ((), "[2]", {"legs": LEGS}, False),
        (("orders",), "[2]", {"legs": LEGS, "method": "POST"}, False),
    ],
)
def test_a_late_answer_may_be_looked_at_again(data: tuple[str, ...], candidate: str, values: dict[str, Any], again: bool) -> None:
    of = replace(route(""), data=data)
    found = Examiner(of, KEY).examine(pair(seen("[1]"), seen(candidate), of, **values), lambda cause: False)
    assert found.second_look is again


def test_what_differs_from_itself_is_noise_and_no_outcome_of_the_candidate() -> None:
    found = examined('{"at":1700000000,"a@b.example":"x","n":1}', '{"at":1700000002,"a@b.example":"y","n":1}', again=True)
    assert (found.again, found.causes, found.example) == (True, (), None)
    assert found.noise[""]["looked"] == 1
    assert {pattern: seen["different"] for pattern, seen in found.noise.items() if pattern} == {"$.at": 1, "$[*]": 1}


# Words that anybody could say, so that no echo of another place takes them out: each place must know by itself.
@pytest.mark.parametrize(
    ("control", "candidate", "secret"),
    [
        (seen("a\npassword: ourquiet\n", "text/plain"), seen("a\npassword: theirone\n", "text/plain"), "ourquiet"),
        (seen('"pin": [\n"ourquiet",\n"theirone"\n]', "text/plain"), seen('"pin": [\n"theirone",\n"ourquiet"\n]', "text/plain"),
         "ourquiet"),
        (seen('{"secret": [\n"ourquiet"\n], "x":}'), seen('{"secret": [\n"theirone"\n], "x":}'), "ourquiet"),
        (seen("<r><password>\nourquiet\n</password><r>", "text/xml"), seen("<r><password>\ntheirone\n</password><r>", "text/xml"),
         "ourquiet"),
        (seen("<r/>", "text/xml"), seen("<r><u><password>ourquiet</password></u></r>", "text/xml"), "ourquiet"),
        (seen("<r/>", "text/xml"), seen('<r><i name="csrf" value="ourquiet"/></r>', "text/xml"), "ourquiet"),
        (seen('<r><i id="sid" value="ourquiet"/></r>', "text/xml"), seen('<r><i id="sid" value="y"/></r>', "text/xml"),
         "ourquiet"),
        ('[{"name":"password","value":"ourquiet"}]', '[{"name":"password","value":"theirone"}]', "ourquiet"),
        ('[{"n":1},{"name":"password","value":"ourquiet"}]', '[{"name":"password","value":"theirone"}]', "theirone"),
        ("[]", '[{"name":"password","value":"ourquiet"}]', "ourquiet"),
        ('{"ourquiet@shop.example":1}', '{"ourquiet@shop.example":2}', "ourquiet"),
        (seen("[]", set_cookie="sid=ourquiet"), seen("[]", set_cookie="sid=theirone"), "ourquiet"),
        (seen("a=1&password=ourquiet", "application/x-www-form-urlencoded"),
         seen("a=1&password=theirone", "application/x-www-form-urlencoded"), "ourquiet"),
        (seen("password=ourquiet&password=x", "application/x-www-form-urlencoded"),
         seen("password=theirone", "application/x-www-form-urlencoded"), "ourquiet"),
        (seen(b"\x00ourquiet", "image/png"), seen(b"\x00theirone", "image/png"), "ourquiet"),
    ],
)  # fmt: skip
def test_no_secret_in_what_differs(control: Any, candidate: Any, secret: str) -> None:
    found = examined(control, candidate, "compare: {headers: [set-cookie]}")
    assert found.outcome is Outcome.MISMATCH
    assert found.example is not None
    assert secret not in json.dumps(asdict(found))


FIELDS = 'redact: {fields: ["$..nickname", "$.customer.born"]}'


@settings(max_examples=300, deadline=None)
@given(bodies(), bodies(), bodies())
def test_no_planted_secret_is_in_a_finding(control: Planted, candidate: Planted, request: Planted) -> None:
    found = examined(
        seen(control.body, control.kind),
        seen(candidate.body, candidate.kind, 500),
        FIELDS,
        body=request.body,
        headers=((b"content-type", request.kind.encode()), (b"cookie", b"sid=hunter22")),
        target="/a?password=hunter22",
    )
    assert found.example is not None
    text = json.dumps(asdict(found), ensure_ascii=False)
    assert leaks(text, control.secrets | candidate.secrets | request.secrets | {"hunter22"}) == []


TYPES = st.sampled_from(
    ["", "application/json", "text/xml", "text/html", "text/plain", "application/x-www-form-urlencoded", "x/y"]
)
ENCODINGS = st.sampled_from(["", "", "", "gzip", "br", "deflate", "zstd", "x"])
ANSWERS = st.builds(
    lambda body, kind, coding, status: seen(body, kind, status, content_encoding=coding),
    st.one_of(st.binary(max_size=200), st.text('{}[]":,0aeE-.\\uD8 \n<>/=&;%@', max_size=100).map(str.encode)),
    TYPES,
    ENCODINGS,
    st.integers(0, 999),
)


@settings(max_examples=1000, deadline=None)
@given(ANSWERS, ANSWERS, st.sampled_from(["", RENAME, FIELDS, 'compare: {unordered: ["$"], ignore: ["$..a"]}']), st.booleans())
def test_whatever_arrives_is_a_finding(control: Observation, candidate: Observation, keys: str, again: bool) -> None:
    found = examined(control, candidate, keys, again=again)
    assert (found.outcome is None) != (found.skipped == "")
    assert found.skipped != "compare_failed"
    assert json.dumps(asdict(found)).encode()
