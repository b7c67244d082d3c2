"""OpenAPI documents: what they describe, in both versions and both syntaxes, and what a hostile one cannot do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strangler.cli.openapi import read_surface
from strangler.core.errors import UsageError
from strangler.traffic.openapi import MOST_OPERATIONS, surface

THREE = """\
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers:
  - url: https://{region}.example.org/{stage}/v2
    variables: {region: {default: eu}, stage: {default: live}}
  - url: /v2/
paths:
  /orders:
    get: {operationId: listOrders}
    post: {}
  /orders/{orderId}:
    parameters:
      - $ref: "#/components/parameters/OrderId"
    get: {operationId: readOrder, deprecated: true}
  /images/{id}.png:
    get: {parameters: [{name: id, in: path, schema: {type: [integer, "null"]}}]}
  /categories/{name}:
    $ref: "#/components/pathItems/Category"
  x-internal: {}
components:
  parameters:
    OrderId: {name: orderId, in: path, required: true, schema: {$ref: "#/components/schemas/Id"}}
  schemas:
    Id: {type: string, format: uuid}
  pathItems:
    Category:
      get: {parameters: [{name: name, in: path, schema: {enum: [books, toys]}}]}
"""
TWO = {
    "swagger": "2.0",
    "basePath": "/api/",
    "paths": {"/items/{item-id}": {"get": {"parameters": [{"name": "item-id", "in": "path", "type": "integer"}]}}},
}


def written(folder: Path, text: str) -> Path:
    path = folder / "api.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_document_of_version_three_in_yaml(tmp_path: Path) -> None:
    found = read_surface(written(tmp_path, THREE))
    assert [(one.method, one.template.text, one.name, one.deprecated) for one in found.operations] == [
        ("GET", "/orders", "listOrders", False),
        ("POST", "/orders", "", False),
        ("GET", "/orders/{orderId}", "readOrder", True),
        ("GET", r"/images/{id:.+\.png}", "", False),
        ("GET", "/categories/{name}", "", False),
    ]
    assert found.bases == ("/live/v2", "/v2", "")
    holes = {one.template.text: next(iter(one.holes.values()), None) for one in found.operations}
    order, image, category = (holes[text] for text in ("/orders/{orderId}", r"/images/{id:.+\.png}", "/categories/{name}"))
    assert [hole is not None and hole.typed for hole in (order, image, category)] == [True, True, False]
    assert category is not None
    assert (category.takes("books"), category.takes("cars")) == (True, False)
    assert next(one.template.text for one in found.below("/v2")) == "/v2/orders"


def test_a_document_of_version_two_in_json(tmp_path: Path) -> None:
    found = read_surface(written(tmp_path, json.dumps(TWO)))
    (one,) = found.operations
    assert (one.template.text, found.bases) == ("/items/{item_id}", ("/api", ""))
    assert one.holes["item_id"].typed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1", "is no OpenAPI document"),
        ("openapi: 3.0.0", "has no `paths:`"),
        ("[]", "is no OpenAPI document"),
        ("", "is no OpenAPI document"),
        ("openapi: [", "not valid YAML"),
        ('{"openapi": "3.0.0", "paths": ', "not valid YAML"),
        ("a: !!python/object/apply:os.system [x]", "tag"),
    ],
)
def test_what_is_none_is_refused_in_a_line_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_surface(written(tmp_path, text))
    assert said in str(caught.value)
    assert "api.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_grows_by_its_aliases_does_not(tmp_path: Path) -> None:
    bomb = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" if n else "x0: &x0 [a]" for n in range(30))
    assert len(read_surface(written(tmp_path, f"{bomb}\nopenapi: 3.0.0\npaths: {{/a: {{get: {{}}}}}}")).operations) == 1


def test_references_to_elsewhere_and_in_a_circle_are_not_followed(tmp_path: Path) -> None:
    paths = {
        "/far": {"$ref": "https://evil.example/x.yaml#/a"},
        "/file": {"$ref": "/etc/passwd"},
        "/round": {"$ref": "#/components/a"},
        "/near": {"get": {"parameters": [{"$ref": "#/nothing"}]}},
    }
    circle = {"a": {"$ref": "#/components/b"}, "b": {"$ref": "#/components/a"}}
    found = surface({"openapi": "3.0.0", "paths": paths, "components": circle})
    assert [one.template.text for one in found.operations] == ["/near"]
    assert found.left_out == (
        "what is in another document: https://evil.example/x.yaml#/a",
        "what is in another document: /etc/passwd",
        "references that refer to each other",
    )


@pytest.mark.parametrize(
    "nonsense", [None, 1, "x", [], {}, [None], {"get": 7}, {"parameters": "x", "get": {"parameters": [1, {}]}}]
)
def test_nonsense_is_passed_over(nonsense: Any) -> None:
    document = {"openapi": 3, "info": nonsense, "servers": nonsense, "paths": {"/a": nonsense, 7: nonsense, "b": nonsense}}
    assert [one.template.text for one in surface(document).operations] in ([], ["/a"])


def test_paths_that_no_template_can_say_are_named() -> None:
    found = surface({"openapi": "3.0.0", "paths": {"/a//b": {"get": {}}, "/a/*": {"get": {}}, "/{a}/{a}": {"get": {}}}})
    assert [one.template.text for one in found.operations] == ["/{a}/{a_2}"]
    assert len(found.left_out) == 2


def test_there_is_an_end_to_operations() -> None:
    found = surface({"openapi": "3.0.0", "paths": {f"/a{number}": {"get": {}} for number in range(MOST_OPERATIONS + 5)}})
    assert len(found.operations) == MOST_OPERATIONS
    assert "after the first" in found.left_out[0]
