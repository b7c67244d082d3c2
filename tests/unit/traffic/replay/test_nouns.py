import pytest

from strangler.traffic.replay import nouns


@pytest.mark.parametrize(
    ("name", "context", "noun"),
    [
        ("id", "order", "order"),
        ("id", "", ""),
        ("order_id", "", "order"),
        ("orderId", "customer", "order"),
        ("orderID", "", "order"),
        ("order_uuid", "", "order"),
        ("order_no", "", "order number"),
        ("orderNumber", "", "order number"),
        ("number", "order", "order number"),
        ("reference", "order", "order reference"),
        ("total", "order", ""),
        ("paid", "order", ""),
        ("valid", "order", ""),
        ("", "order", ""),
    ],
)
def test_the_name_of_a_member_says_what_it_is_an_id_of(name: str, context: str, noun: str) -> None:
    assert nouns.noun_of_member(name, context) == noun


@pytest.mark.parametrize(
    ("path", "noun"),
    [
        ("/api/orders", "order"),
        ("/api/orders/57", "order"),
        ("/api/orders/57/lines", "line"),
        ("/api/orders/create", "order"),
        ("/api/categories/9", "category"),
        ("/boxes", "box"),
        ("/status", "status"),
        ("/", ""),
    ],
)
def test_the_path_says_what_its_document_is(path: str, noun: str) -> None:
    assert nouns.noun_of_path(path) == noun


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("57", "912", True),
        ("57", "A-912", False),
        ("0b0e7d2a-1c1f-4f7a-9a50-0d8e1a2b3c4d", "9b0e7d2a-1c1f-4f7a-9a50-0d8e1a2b3c4d", True),
        ("0b0e7d2a-1c1f-4f7a-9a50-0d8e1a2b3c4d", "57", False),
        ("A-2041", "A-2042", True),
        ("new", "paid", False),
        ("", "", False),
    ],
)
def test_ids_look_alike(one: str, other: str, alike: bool) -> None:
    assert nouns.alike(one, other) is alike
