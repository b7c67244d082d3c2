"""What a segment looks like."""

from __future__ import annotations

import pytest

from strangler.traffic.discovery.segment import Shape, is_hashed, is_version, mask, shape_of, split

SHAPES = {
    Shape.NUMBER: ("1", "0042", "-7", "1,2,3", "20240131"),
    Shape.UUID: ("3b241101-e2bb-4255-8caf-4136c566a962", "3B241101-E2BB-4255-8CAF-4136C566A962"),
    Shape.DATE: ("2024-01-31", "2024-01", "2024-W05", "2024-01-31T10:00:00Z"),
    Shape.HEX: ("3f2a9c11", "5f4dcc3b5aa765d61d8327deb882cf99"),
    Shape.EMAIL: ("anna@example.org",),
    Shape.TOKEN: ("dQw4w9WgXcQ", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "k2J8s0aLq9ZxW4vB", "[email:3f9a1c2b4d5e]"),
    Shape.WORD: (
        *(
            "orders",
            "by-sku",
            "v1",
            "oauth2",
            "how-we-moved-to-kubernetes-in-2024",
            "deadbeef",
            "facade",
            "en-GB",
            "getOrderById",
        ),
        *(
            "s3",
            "BO-0012",
            "OrderService",
            "1.2.3",
            "x" * 500,
            "caf\u00e9",
            "",
            "a b",
            "http2-push-considered-harmful",
            "web2print",
        ),
    ),
}


@pytest.mark.parametrize(("shape", "text"), [(shape, text) for shape, texts in SHAPES.items() for text in texts])
def test_shapes(shape: Shape, text: str) -> None:
    assert shape_of(text) is shape


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("7.png", ("7", "png")), ("sales.CSV", ("sales", "csv")), ("app.3f2a9c11.js", ("app.3f2a9c11", "js")),
        (".env", (".env", "")),
        ("1.5", ("1.5", "")), ("anna@example.org", ("anna@example.org", "")), ("orders", ("orders", "")), ("a.", ("a.", "")),
    ],
)  # fmt: skip
def test_extensions(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts


def test_numbered_names_have_a_mask_and_versions_have_none() -> None:
    assert mask("BO-0012") == mask("KI-7") == "A-9"
    assert mask("order_17") == "a_9"
    assert [mask(word) for word in ("orders", "v1", "V2.1", "oauth2", "s3")] == [""] * 5
    assert is_version("v1")
    assert not is_version("vat")


def test_builds_are_known_by_their_hash() -> None:
    assert is_hashed("app.3f2a9c11.js")
    assert is_hashed("main-B7h2kQ9x.css")
    assert not is_hashed("style.css")
    assert not is_hashed("jquery.validate.js")
