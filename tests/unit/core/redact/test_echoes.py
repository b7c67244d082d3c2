"""What was recognised as a secret once is taken out wherever else it stands in the same exchange."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import asdict

import pytest

from strangler.core.redact.echoes import Echoes
from strangler.evidence.comparator import Examiner
from tests.unit.evidence.given import KEY, examined, pair, seen
from tests.unit.given import route

SECRET = 'Hunter2/"ü?'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"you said {SECRET}!",
        json.dumps(SECRET),
        "p=Hunter2%2F%22%C3%BC%3F",
        b64encode(SECRET.encode()).decode(),
        b64encode(b"u:" + SECRET.encode()).decode(),
        urlsafe_b64encode(b"user:" + SECRET.encode() + b"more").decode(),
    ],
)
def test_writings(text: str) -> None:
    echoes = Echoes()
    echoes.note(SECRET, "[secret:1]")
    (shown,) = echoes.scrub([text])
    assert "[secret:1]" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("secret", ["customers", "Customers", "a-b-c-d-e", "1234567890", "2024-01-05T10:00:00Z", "Ab1", ""])
def test_what_anybody_could_say_is_no_echo(secret: str) -> None:
    echoes = Echoes()
    echoes.note(secret, "[secret:1]")
    assert echoes.scrub({"a": f"x {secret} y"}) == {"a": f"x {secret} y"}


def test_a_session_that_the_answer_repeats_under_another_name() -> None:
    found = examined('{"seen":"sess-81fe22x","n":1}', seen('{"seen":"sess-81fe22x","n":2}', x_info="for sess-81fe22x"),
                     headers=((b"cookie", b"sid=sess-81fe22x"),))  # fmt: skip
    assert found.example is not None
    assert "sess-81fe22x" not in json.dumps(asdict(found))


def test_secrets_of_one_exchange_are_forgotten_in_the_next() -> None:
    examiner = Examiner(route(""), KEY)
    first = pair(seen("[1]"), seen("[2]"), headers=((b"cookie", b"sid=sess-81fe22x"),))
    second = pair(seen('["sess-81fe22x", 1]'), seen("[2]"))
    found = [examiner.examine(each, lambda cause: True) for each in (first, second)]
    assert found[1].example is not None
    assert "sess-81fe22x" in found[1].example.control["body"]
