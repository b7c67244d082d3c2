"""Signatures, by an example of the specification's own libraries, and what is no secret."""

import pytest

from reconcile.sinks.signing import headers, identity_of, keys, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "c2VjcmV0" * 4


def test_the_example_of_the_standard_webhooks_libraries():
    (key,) = keys(SECRET)
    signed = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_secret_signs():
    both = headers(keys(f"{SECRET} {OTHER}"), "e", 1, b"x")["webhook-signature"].split()
    assert both == [headers(keys(each), "e", 1, b"x")["webhook-signature"] for each in (SECRET, OTHER)]
    assert len(set(both)) == 2


def test_without_a_secret_nothing_is_signed():
    assert headers((), "e", 1, b"x") == {"webhook-id": "e", "webhook-timestamp": "1"}


def test_no_two_requests_have_the_same_text_to_sign():
    """``a.1`` at 2 must not read as ``a`` at 1 with a body that begins with 2."""
    (key,) = keys(SECRET)
    assert headers((key,), "a.1", 2, b"x") != headers((key,), "a", 1, b"2.x")
    shifted = {headers((key,), "a.1", 2, b"x")["webhook-signature"], headers((key,), "a", 1, b"2.x")["webhook-signature"]}
    assert len(shifted) == 2


@pytest.mark.parametrize(
    ("event_id", "identity"),
    [("outbox_events:42", "outbox_events:42"), ("a.b", "a%2Eb"), ("é\r\n", "%C3%A9%0D%0A"), ("a%b c", "a%25b%20c")],
)
def test_an_id_is_a_header_without_dots(event_id, identity):
    assert identity_of(event_id) == identity


@pytest.mark.parametrize("secret", ["whsec_", "hunter2", "whsec_c2hvcnQ=", "whsec_" + "A" * 200, "whsec_!" + "c2VjcmV0" * 4])
def test_what_is_no_secret_is_refused_and_not_repeated(secret):
    with pytest.raises(ValueError, match="random bytes") as refused:
        keys(f"{SECRET} {secret}")
    assert secret.removeprefix("whsec_")[:6] not in str(refused.value) or secret == "whsec_"
