"""JSON documents: what differs, where, and as what."""

from __future__ import annotations

import pytest

from strangler.core.compare.view import CAP
from strangler.core.difference import Kind
from tests.unit.core.compare.given import compared, lines

CASES = [
    # control, candidate, differences
    ('{"a":1,"b":[1,{"c":null}]}', '{"b":[1,{"c":null}],"a":1}', []),
    ("null", "null", []),
    # numbers are numbers, however they are written, and exact
    ("1", "1.0", []),
    ("[120, 0.5, 1e400]", "[1.2e2, 5E-1, 10e399]", []),
    ("0", "-0", []),
    ("0.0", "-0e7", []),
    ("9223372036854775809", "9223372036854775810", ["$ value 9223372036854775809 9223372036854775810"]),
    ("0.3", "0.30000000000000004", ["$ value 0.3 0.30000000000000004"]),
    ("1e999999999", "1e999999998", ["$ value 1e999999999 1e999999998"]),
    ("1e999999999", "10e999999998", []),
    ("1e" + "9" * 5000, "1e" + "9" * 5000, []),
    ("-1", "1", ["$ value -1 1"]),
    # types
    ('{"a":true}', '{"a":1}', ["$.a type true 1"]),
    ('{"a":false}', '{"a":null}', ["$.a type false -"]),
    ('{"a":"1"}', '{"a":1}', ['$.a type "1" 1']),
    ('{"a":[]}', '{"a":{}}', ["$.a type [] {}"]),
    ('["1"]', "[1]", ['$[0] type "1" 1']),
    # values, here and there
    ('{"a":"x"}', '{"a":"X"}', ['$.a value "x" "X"']),
    ('{"a":true}', '{"a":false}', ["$.a value true false"]),
    ('{"a":{"odd name":1}}', '{"a":{"odd name":2}}', ["$.a['odd name'] value 1 2"]),
    # members
    ('{"a":1}', "{}", ["$.a missing 1 -"]),
    ("{}", '{"a":1}', ["$.a extra - 1"]),
    ("{}", '{"a":null}', ["$.a extra - -"]),
    ('{"a":{"b":1},"c":2}', '{"a":{},"d":2}', ["$.a.b missing 1 -", "$.c missing 2 -", "$.d extra - 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate", "expected"), CASES, ids=range(len(CASES)))
def test_documents(control, candidate, expected):
    assert lines(compared(control, candidate)) == expected


LISTS = [
    # index by index
    ("[1,2,3]", "[1,5,3]", ["$[1] value 2 5"]),
    ("[1,2]", "[3,4]", ["$[0] value 1 3", "$[1] value 2 4"]),
    ('[{"a":1},{"a":2}]', '[{"a":1},{"a":3}]', ["$[1].a value 2 3"]),
    ("[[1,2],[3]]", "[[1,2],[4]]", ["$[1][0] value 3 4"]),
    # longer and shorter: what is cut off at the end shows in the length alone
    ("[1,2,3]", "[1,2]", ["$ length 3 2"]),
    ("[]", "[1,2]", ["$ length 0 2"]),
    ("[1,2,3,4]", "[2,3,4]", ["$ length 4 3", "$[0] missing 1 -"]),
    ("[1,2,3,4]", "[1,2,4]", ["$ length 4 3", "$[2] missing 3 -"]),
    ("[1,2,4]", "[1,2,3,4]", ["$ length 3 4", "$[2] extra - 3"]),
    ("[1,2,3]", "[5]", ["$ length 3 1", "$[0] value 1 5"]),
    # one gone and another come
    ("[1,2,3,4]", "[2,3,4,5]", ["$[0] missing 1 -", "$[3] extra - 5"]),
    # items that are changed are still the same items
    ('[{"k":"a","p":1},{"k":"b","p":2},{"k":"c","p":3}]', '[{"k":"b","p":"2"},{"k":"c","p":"3"}]',
     ["$ length 3 2", '$[0] missing {"k":"a","p":1} -', '$[1].p type 2 "2"', '$[2].p type 3 "3"']),
    ('[{"k":"a","n":1},{"k":"b","n":1}]', '[{"n":1},{"n":1}]', ['$[0].k missing "a" -', '$[1].k missing "b" -']),
    # another order
    ('["b","c","a"]', '["a","b","c"]', ['$ order ["b","c","a"] ["a","b","c"]']),
    ('[{"a":1},{"a":2}]', '[{"a":2},{"a":1}]', ['$ order [{"a":1},{"a":2}] [{"a":2},{"a":1}]']),
    ("[1,1,2]", "[1,2,2]", ["$[1] value 1 2"]),
    ("[1,2]", "[2.0,1]", ["$ order [1,2] [2.0,1]"]),
    # another order, and one item changed
    ('["a","b","c","d"]', '["d","c","b","x"]', ['$ order ["a","b","c","d"] ["d","c","b","x"]', '$[3] value "a" "x"']),
    ('[{"k":"a","p":1},{"k":"b","p":2},{"k":"c","p":3}]', '[{"k":"c","p":3},{"k":"b","p":2},{"k":"a","p":9}]',
     ['$ order [{"k":"a","p":1},{"k":"b","p":2},{"k":"c","p":3}] [{"k":"c","p":3},{"k":"b","p":2},{"k":"a","p":9}]',
      "$[2].p value 1 9"]),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate", "expected"), LISTS, ids=range(len(LISTS)))
def test_lists(control, candidate, expected):
    assert lines(compared(control, candidate)) == expected


def test_a_capped_page_of_changed_items_differs_in_its_length_and_in_the_change():
    item = '{{"id":{0},"name":"n{0}","sku":"s{0}"}}'
    control = ",".join(item.format(number) for number in range(100))
    candidate = ",".join(item.format(number).replace(f',"sku":"s{number}"', "") for number in range(25))
    found = compared(f'{{"items":[{control}]}}', f'{{"items":[{candidate}]}}').differences
    assert [difference.kind for difference in found] == [Kind.LENGTH] + [Kind.MISSING] * 25
    assert found[1].path == ("items", 0, "sku")
    assert found[25].path == ("items", 24, "sku")


def test_an_item_taken_out_of_a_long_list_is_one_difference():
    numbers = [f'{{"n":{number % 7},"id":{number}}}' for number in range(5000)]
    found = compared(f"[{','.join(numbers)}]", f"[{','.join(numbers[:1234] + numbers[1235:])}]")
    assert lines(found) == ["$ length 5000 4999", '$[1234] missing {"n":2,"id":1234} -']


def test_a_long_list_of_items_that_are_alike_is_paired_by_index():
    control, candidate = ",".join(["0", "1"] * 2000), ",".join(["0", "2"] * 1999)
    found = compared(f"[{control}]", f"[{candidate}]")
    assert found.differences[0].kind is Kind.LENGTH
    assert {difference.kind for difference in found.differences[1:]} == {Kind.VALUE}


def test_differences_are_capped():
    many = CAP + 5
    found = compared(f"[{','.join('1' * many)}]", f"[{','.join('2' * many)}]")
    assert (len(found.differences), found.truncated) == (CAP, True)
    exactly = compared(f"[{','.join('1' * CAP)}]", f"[{','.join('2' * CAP)}]")
    assert (len(exactly.differences), exactly.truncated) == (CAP, False)


def test_ignored_differences_are_capped_and_do_not_hide_the_one_that_counts():
    many = CAP + 5
    control = f'{{"a":[{",".join("1" * many)}],"b":1}}'
    found = compared(control, control.replace("1", "2"), 'compare: {ignore: ["$.a"]}')
    assert (len(found.ignored), found.truncated) == (CAP, True)
    assert lines(found)[0] == "$.b value 1 2"
