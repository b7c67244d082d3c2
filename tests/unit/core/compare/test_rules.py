"""What rules allow: it is still found, and said by which rule it does not count. What they do not allow counts."""

from __future__ import annotations

import pytest

from strangler.config.spec import TREAT_EQUAL
from strangler.core.model import NOISE_KINDS
from strangler.core.outcome import Outcome
from tests.unit.core.compare.given import compared, lines

CASES = [
    # keys of the route, control, candidate, differences
    ("compare: {ignore: [$.at]}", '{"at":1,"b":1}', '{"at":2,"b":2}', ["$.b value 1 2", "$.at value 1 2 < ignore $.at"]),
    ("compare: {ignore: [$.at]}", '{"at":1}', "{}", ["$.at missing 1 - < ignore $.at"]),
    ("compare: {ignore: [$.a]}", '{"a":{"b":[1]}}', '{"a":{"b":[2,3]}}',
     ["$.a.b length 1 2 < ignore $.a", "$.a.b[0] value 1 2 < ignore $.a"]),
    ('compare: {ignore: ["$.items[*].id"]}', '{"items":[{"id":1,"n":1}]}', '{"items":[{"id":2,"n":2}]}',
     ["$.items[0].n value 1 2", "$.items[0].id value 1 2 < ignore $.items[*].id"]),
    ("compare: {ignore: [$..id]}", '{"id":1,"a":[{"b":{"id":1}}]}', '{"id":2,"a":[{"b":{"id":2}}]}',
     ["$.id value 1 2 < ignore $..id", "$.a[0].b.id value 1 2 < ignore $..id"]),
    ("compare: {ignore: [$]}", "1", '"x"', ['$ type 1 "x" < ignore $']),
    # unordered, by value
    ("compare: {unordered: [$.t]}", '{"t":[1,2,2]}', '{"t":[2,1,2.0]}', ["$.t order [1,2,2] [2,1,2.0] < unordered $.t"]),
    ("compare: {unordered: [$.t]}", '{"t":[1,2,3]}', '{"t":[3,4,1]}',
     ["$.t[1] value 2 4", "$.t order [1,2,3] [3,4,1] < unordered $.t"]),
    ("compare: {unordered: [$.t]}", '{"t":[1,2]}', '{"t":[2]}', ["$.t length 2 1", "$.t[0] missing 1 -"]),
    ("compare: {unordered: [$.t]}", '{"t":[1],"u":[1,2]}', '{"t":[1],"u":[2,1]}', ["$.u order [1,2] [2,1]"]),
    ('compare: {unordered: [$, "$[*]"]}', "[[1,2],[3,4]]", "[[4,3],[2,1]]",
     ["$ order [[1,2],[3,4]] [[4,3],[2,1]] < unordered $", "$[1] order [1,2] [2,1] < unordered $[*]",
      "$[1] order [3,4] [4,3] < unordered $[*]"]),
    ('compare: {unordered: [$], ignore: ["$[*].id"]}', '[{"id":1,"n":"x"},{"id":2,"n":"x"},{"id":3,"n":"y"}]',
     '[{"id":7,"n":"y"},{"id":8,"n":"x"},{"id":9,"n":"x"}]', Outcome.IGNORED),
    ('compare: {unordered: [$], ignore: ["$[*].id"]}', '[{"id":1,"n":"x"},{"id":2,"n":"x"},{"id":3,"n":"y"},{"id":4,"n":"y"}]',
     '[{"id":5,"n":"y"},{"id":6,"n":"y"},{"id":7,"n":"x"},{"id":8,"n":"x"}]', Outcome.IGNORED),
    ("compare: {unordered: [$], treat_equal: [case]}", '["A","B"]', '["b","a"]', Outcome.IGNORED),
    ('compare: {unordered: [$], tolerance: [{path: "$[*]", abs: 0.01}]}', "[1.001,2,3]", "[3,2.001,1]", Outcome.IGNORED),
    ("compare: {unordered: [$], treat_equal: [null_missing]}", '[{"a":1,"b":null},{"a":2}]', '[{"a":2},{"a":1}]',
     Outcome.IGNORED),
    # unordered, by key
    ("compare: {unordered: [{path: $, key: k}]}", '[{"k":1,"v":1},{"k":2,"v":1}]', '[{"k":2,"v":1},{"k":1,"v":9}]',
     ["$[1].v value 1 9", '$ order [{"k":1,"v":1},{"k":2,"v":1}] [{"k":2,"v":1},{"k":1,"v":9}] < unordered $ key k']),
    ("compare: {unordered: [{path: $, key: k}]}", '[{"k":1},{"k":2}]', '[{"k":3},{"k":1}]',
     ['$[0] extra - {"k":3}', '$[1] missing {"k":2} -']),
    ("compare: {unordered: [{path: $, key: k}]}", '[{"k":1,"v":1},{"k":1,"v":2},{"v":3}]',
     '[{"v":4},{"k":1,"v":1},{"k":1,"v":2}]',
     ["$[2].v value 3 4", '$ order [{"k":1,"v":1},{"k":1,"v":2},{"v":3}] [{"v":4},{"k":1,"v":1},{"k":1,"v":2}]'
      " < unordered $ key k"]),
    # tolerance
    ("compare: {tolerance: [{path: $.a, abs: 0.01}]}", '{"a":1.00}', '{"a":1.01}',
     ["$.a value 1.00 1.01 < tolerance $.a abs 0.01"]),
    ("compare: {tolerance: [{path: $.a, abs: 0.01}]}", '{"a":1}', '{"a":1.0100001}', ["$.a value 1 1.0100001"]),
    ("compare: {tolerance: [{path: $.a, abs: 0.01}]}", '{"a":"1"}', '{"a":"1.01"}',
     ['$.a value "1" "1.01" < tolerance $.a abs 0.01']),
    ("compare: {tolerance: [{path: $.a, abs: 1}]}", '{"a":"1"}', '{"a":1.5}', ['$.a type "1" 1.5']),
    ("compare: {tolerance: [{path: $.a, abs: 1}], treat_equal: [number_string]}", '{"a":"1"}', '{"a":1.5}', Outcome.IGNORED),
    ("compare: {tolerance: [{path: $.a, abs: 1}]}", '{"a":true}', '{"a":false}', ["$.a value true false"]),
    ("compare: {tolerance: [{path: $.a, abs: 1}]}", '{"a":1e999999999}', '{"a":1}', ["$.a value 1e999999999 1"]),
    ("compare: {tolerance: [{path: $.a, seconds: 2}]}", '{"a":"2024-01-01T10:00:00Z"}', '{"a":"2024-01-01T11:00:02+01:00"}',
     ['$.a value "2024-01-01T10:00:00Z" "2024-01-01T11:00:02+01:00" < tolerance $.a seconds 2']),
    ("compare: {tolerance: [{path: $.a, seconds: 2}]}", '{"a":"2024-01-01T10:00:00Z"}', '{"a":"2024-01-01T10:00:02.001Z"}',
     Outcome.MISMATCH),
    ("compare: {tolerance: [{path: $.a, seconds: 2}]}", '{"a":1704103200}', '{"a":1704103202}', Outcome.IGNORED),
    ("compare: {tolerance: [{path: $.a, seconds: 2}]}", '{"a":1704103200000}', '{"a":1704103202001}', Outcome.MISMATCH),
    # kinds of difference
    ("compare: {treat_equal: [null_missing]}", '{"a":null}', '{"b":null}',
     ["$.a missing - - < treat_equal null_missing", "$.b extra - - < treat_equal null_missing"]),
    ("compare: {treat_equal: [null_missing]}", '{"a":""}', '{"b":0}', ['$.a missing "" -', "$.b extra - 0"]),
    ("compare: {treat_equal: [empty_null]}", '{"a":null,"b":[],"c":""}', '{"a":"","b":null,"c":0}',
     ['$.c type "" 0', '$.a type - "" < treat_equal empty_null', "$.b type [] - < treat_equal empty_null"]),
    ("compare: {treat_equal: [empty_null]}", '{"a":[]}', '{"a":{}}', Outcome.MISMATCH),
    ("compare: {treat_equal: [empty_null, null_missing]}", '{"a":""}', "{}",
     ['$.a missing "" - < treat_equal null_missing, empty_null']),
    ("compare: {treat_equal: [number_string]}", '{"a":"1.50","b":"x"}', '{"a":1.5,"b":1}',
     ['$.b type "x" 1', '$.a type "1.50" 1.5 < treat_equal number_string']),
    ("compare: {treat_equal: [number_string]}", '{"a":"007"}', '{"a":7}', Outcome.MISMATCH),
    ("compare: {treat_equal: [case]}", '{"a":"Straße"}', '{"a":"STRASSE"}', ['$.a value "Straße" "STRASSE" < treat_equal case']),
    ("compare: {treat_equal: [trailing_slash]}", '{"a":"/x/"}', '{"a":"/x"}',
     ['$.a value "/x/" "/x" < treat_equal trailing_slash']),
    ("compare: {treat_equal: [whitespace]}", '{"a":" a\\n b"}', '{"a":"a b "}', Outcome.IGNORED),
    ("compare: {treat_equal: [whitespace]}", '{"a":"a b"}', '{"a":"ab"}', Outcome.MISMATCH),
    ("compare: {treat_equal: [case, trailing_slash, whitespace]}", '{"a":"/X"}', '{"a":"/x/"}',
     ['$.a value "/X" "/x/" < treat_equal trailing_slash, case']),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "control", "candidate", "expected"), CASES, ids=range(len(CASES)))
def test_rules(keys, control, candidate, expected):
    found = compared(control, candidate, keys)
    assert (found.outcome if isinstance(expected, Outcome) else lines(found)) == expected


NOISE = [
    # kind, control, candidate, whether it is allowed
    ("clock", '"2024-01-01T10:00:00Z"', '"2024-01-01T10:00:03Z"', True),
    ("clock", '"2024-01-01T10:00:00.123Z"', '"2024-01-01T10:00:03.45Z"', True),
    ("clock", '"2024-01-01T10:00:00Z"', '"2024-01-01T11:00:00Z"', False),  # another time zone
    ("clock", '"2024-01-01T10:00:00Z"', '"2024-01-01 10:00:00"', False),
    ("clock", '"2024-01-01T10:00:00Z"', '"2024-01-01T11:00:00+01:00"', False),
    ("clock", '"2024-01-01T10:00:00Z"', '"now"', False),
    ("clock", '"2024-01-01T10:00:00Z"', '""', False),
    ("clock", '"2024-01-01T10:00:00Z"', "1704103200", False),
    ("clock", '"2024-01-31"', '"2024-02-01"', True),
    ("clock", '"2024-01-31"', '"2024-02-02"', False),
    ("clock", '"Mon, 01 Jan 2024 10:00:00 GMT"', '"Mon, 01 Jan 2024 10:00:02 GMT"', True),
    ("clock", "1704103200", "1704103203", True),
    ("clock", "1704103200", "1704103203000", False),
    ("clock", "1704103200", "0", False),
    ("uuid", '"6fa459ea-ee8a-3ca4-894e-db77e160355e"', '"16fd2706-8baf-433b-82eb-8c7fada847da"', True),
    ("uuid", '"6fa459ea-ee8a-3ca4-894e-db77e160355e"', '"16fd27068baf433b82eb8c7fada847da"', False),
    ("uuid", '"6fa459ea-ee8a-3ca4-894e-db77e160355e"', '"none"', False),
    ("token", '"f3a9c07be1"', '"07be1f3a92"', True),
    ("token", '"f3a9c07be1f3a9c07be1f3a9c07be1"', '"Zx-81_kQ"', False),
    ("token", '"f3a9c07be1f3a9c07be1f3a9c07be1"', '"012345678901234567890123456789"', False),  # no letter in thirty
    ("token", '"f3a9"', '"0123"', True),  # may be chance
    ("token", '"f3a9"', '""', False),
    ("token", '"f3a9c07be1f3"', '"an error: no"', False),
    ("counter", "17", "18", True),
    ("counter", '"17"', '"18"', True),
    ("counter", "17", "18.5", False),
    ("counter", "17", '"18"', False),
    ("counter", "17", "null", False),
    ("order", "[1,2]", "[2,1]", True),
    ("order", "[1,2]", "[2,3]", False),
    ("value", '"a"', '"b"', True),
    ("value", '{"a":1}', '{"b":2}', True),
    ("value", "[1]", "[]", True),
    ("value", '"a"', "1", False),
    ("value", '"a"', "null", False),
]


@pytest.mark.parametrize(("kind", "control", "candidate", "allowed"), NOISE, ids=range(len(NOISE)))
def test_noise_keeps_its_shape(kind, control, candidate, allowed):
    keys = f"noise: {{fields: [{{path: $.n, kind: {kind}}}]}}"
    found = compared(f'{{"n":{control}}}', f'{{"n":{candidate}}}', keys)
    assert found.outcome is (Outcome.IGNORED if allowed else Outcome.MISMATCH)
    assert {ignored.rule for ignored in found.ignored} <= {f"noise $.n {kind}"}


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_must_be_there(kind):
    keys = f"noise: {{fields: [{{path: $.n, kind: {kind}}}]}}"
    assert compared('{"n":1}', "{}", keys).outcome is Outcome.MISMATCH
    assert compared("{}", '{"n":1}', keys).outcome is Outcome.MISMATCH


def test_every_kind_of_noise_and_every_word_has_a_case():
    assert {kind for kind, *_ in NOISE} == set(NOISE_KINDS)
    assert all(any(word in keys for keys, *_ in CASES) for word in TREAT_EQUAL)


def test_outcomes():
    assert compared("1", "1.0").outcome is Outcome.MATCH
    assert compared("1", "2", "compare: {ignore: [$]}").outcome is Outcome.IGNORED
    assert compared("1", "2").outcome is Outcome.MISMATCH
