"""What may be recorded is said in one line, or refused in one."""

from __future__ import annotations

import pytest

from strangler.control.recording.order import Order, headers_of, routes_of
from strangler.core.errors import UsageError
from strangler.core.units import Bytes, Seconds, Share
from tests.unit.given import config

FILE = config("""routes:
  - {name: a, group: g, match: {path: /a}}
  - {name: b, group: g, match: {path: /b}}
  - {name: c, match: {path: /c}}
""")


@pytest.mark.parametrize(
    ("named", "routes"), [((), None), (("a",), {"a"}), (("@g",), {"a", "b"}), (("@g", "c", "a"), {"a", "b", "c"})]
)
def test_names_and_groups(named, routes):
    assert routes_of(FILE, named) == routes


@pytest.mark.parametrize(("name", "help"), [("aa", "'aa'"), ("@gg", "did you mean '@g'"), ("@", "'@'"), ("g", "'g'")])
def test_what_is_neither_is_refused(name, help):
    with pytest.raises(UsageError, match="there is no route or group") as told:
        routes_of(FILE, [name])
    assert help in str(told.value)


def test_headers_to_keep():
    assert headers_of(["header:Cookie", "header:x-a"]) == {"cookie", "x-a"}
    for wrong in ("cookie", "header:", "header:a b", "field:$.a", "header:a\r\nb"):
        with pytest.raises(UsageError, match="write header:NAME"):
            headers_of([wrong])


def test_in_words():
    order = Order("ann", ("@g",), frozenset("ab"), Share(0.05), Seconds(600), Bytes(2**20), 0, Bytes(1), frozenset({"cookie"}))
    assert str(order) == "5% of @g for up to 10m or 1MiB, WITH THE SECRETS in cookie"
