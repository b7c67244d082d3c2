"""Traffic beside a document: what it says is taken, what it does not know is told, and what nobody asks for."""

from __future__ import annotations

from typing import Any

from strangler.traffic.discovery.survey import Discovery
from strangler.traffic.openapi import surface
from tests.unit.traffic.discovery.given import discovered, entry, names


def documented(paths: dict[str, Any], entries: list[Any], **more: Any) -> Discovery:
    return discovered(entries, surface({"openapi": "3.0.0", "paths": paths, **more}))


def hole(name: str, **schema: Any) -> dict[str, Any]:
    return {"get": {"parameters": [{"name": name, "in": "path", "schema": schema or {"type": "string"}}]}}


def test_names_of_parameters_are_the_documents() -> None:
    found = documented({"/orders/{number}": hole("number", type="integer")}, ["GET /orders/7 200"])
    assert names(found) == ["GET /orders/{number}"]
    assert found.endpoints[0].operation
    assert found.unseen == ()


def test_a_few_words_are_values_where_the_document_says_so() -> None:
    traffic = ["GET /categories/books 200", "GET /categories/toys 200"]
    assert names(discovered(traffic)) == ["GET /categories/books", "GET /categories/toys"]
    assert names(documented({"/categories/{name}": hole("name")}, traffic)) == ["GET /categories/{name}"]


def test_a_word_that_the_document_does_not_know_is_undocumented() -> None:
    found = documented(
        {"/orders/{id}": hole("id", type="integer")}, ["GET /orders/7 200", "GET /orders/export 200", "PUT /orders/7 200"]
    )
    assert {one.name: one.operation is not None for one in found.endpoints} == {
        "GET /orders/{id}": True,
        "PUT /orders/{id}": False,
        "GET /orders/export": False,
    }


def test_a_word_that_is_answered_otherwise_is_undocumented_too() -> None:
    people = [entry(f"GET /users/{name} 200", {"name": name, "email": "x", "age": 3}) for name in ("anna", "bob", "cleo")]
    people.append(entry("GET /users/search 200", {"q": "a", "hits": [], "total": 0, "took": 1}))
    assert names(documented({"/users/{name}": hole("name")}, people)) == ["GET /users/search", "GET /users/{name}"]


def test_a_word_beside_numbers_is_undocumented_even_where_any_text_is_allowed() -> None:
    found = documented({"/orders/{id}": hole("id")}, ["GET /orders/7 200", "GET /orders/8 200", "GET /orders/recent 200"])
    assert {one.name: one.operation is not None for one in found.endpoints} == {
        "GET /orders/recent": False,
        "GET /orders/{id}": True,
    }
    listed = documented({"/orders/{id}": hole("id", enum=["7", "recent"])}, ["GET /orders/7 200", "GET /orders/recent 200"])
    assert names(listed) == ["GET /orders/{id}"]


def test_a_word_of_the_document_is_none_of_its_values() -> None:
    found = documented({"/users/{name}": hole("name"), "/users/me": {"get": {}}}, ["GET /users/me 200", "GET /users/anna 200"])
    assert names(found) == ["GET /users/me", "GET /users/{name}"]


def test_words_of_the_document_are_never_values_however_many_they_are() -> None:
    found = documented({f"/api/c{n}": {"get": {}} for n in range(600)}, [f"GET /api/c{n} 200" for n in range(600)])
    assert len(found.endpoints) == 600
    assert all(one.operation for one in found.endpoints)
    assert found.crowds == ()


def test_what_nobody_asks_for_is_told() -> None:
    found = documented({"/a": {"get": {}, "head": {}, "post": {}}, "/b": {"get": {}}}, ["GET /a 200"])
    assert [(one.method, one.template.text) for one in found.unseen] == [("POST", "/a"), ("GET", "/b")]


def test_the_base_path_is_the_one_that_was_asked_with() -> None:
    paths, servers = {"/orders": {"get": {}}}, [{"url": "https://x.example/v1"}, {"url": "/v2"}]
    for base in ("/v1", "/v2", ""):
        found = documented(paths, [f"GET {base}/orders 200"], servers=servers)
        assert (found.base, found.endpoints[0].operation is not None) == (base, True)
    assert documented(paths, ["GET / 200"], servers=servers).base == "/v1"
