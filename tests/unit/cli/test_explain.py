"""`strangler explain`: any request a client can send, in words and in JSON."""

from __future__ import annotations

import json

import pytest

from strangler.cli.main import main

ROUTES = """\
version: 1
upstreams: {legacy: {url: "http://a:1"}, modern: {url: "http://b:1"}}
routes:
  - {name: beta, match: {path: "/api/{id}", cookies: {beta: "1"}}, stage: modern}
  - {name: writes, match: {path: "/api/{id}", methods: [PUT]}, stage: legacy}
  - name: reads
    match: {path: "/api/{id}", methods: [GET]}
    stage: canary
    weight: 25%
    sticky: {by: "header:x-user"}
  - {name: café, match: {path: "/café/日本"}, stage: shadow}
  - {name: hosted, match: {path: "/h", host: "*.example.org"}, stage: shadow}
  - {name: gone, match: {path: "/gone"}, stage: retired}
""".replace("name: café", "name: cafe")


@pytest.fixture
def explain(tmp_path, capsys):
    (tmp_path / "routes.yaml").write_text(ROUTES, encoding="utf-8")

    def call(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["explain", *words, "-c", str(tmp_path / "routes.yaml")])
        out, err = capsys.readouterr()
        assert (ended.value.code or 0, err) == (0, "")
        return out

    return call


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["GET", "/api/7"], ["100% copied to modern (route reads, stage canary)", "no bucket: no header:x-user in the request"]),
        (["GET", "/api/7", "-H", "X-User: 1"], ["header:x-user is '1', salt 'reads'", "weight 25%", "bucket 0."]),
        (["get", "/api/7", "-H", "cookie: beta=1"], ["✓ beta: wins", "· reads: matches too, but beta stands above it"]),
        (["PUT", "/api/7"], ["✗ beta: no cookie beta=1", "✓ writes: wins", "→ legacy (route writes, stage legacy)"]),
        (["GET", "/café/日本"], ["GET /café/日本", "✓ cafe: wins"]),
        (["GET", "/caf%C3%A9/%E6%97%A5本"], ["✓ cafe: wins"]),
        (["GET", "http://shop.Example.org:80/h?x=1"], ["✓ hosted: wins"]),
        (["GET", "/h", "-H", "Host: shop.example.org"], ["✓ hosted: wins"]),
        (["GET", "https://shop.example.org"], ["GET /\n", "→ legacy (no route: the default)"]),
        (["GET", "/gone"], ["→ modern; if it fails before its first byte, 502 (route gone, stage retired)"]),
        (["GET", "//api/7"], ["→ refused with 400 (ambiguous_path_empty_segment)", "servers may read it as //api/7, /api/7"]),
        (["GET", "/api;x/7"], ["refused with 400 (ambiguous_path_parameter)"]),
        (["GET", "/%ff//x"], ["servers may read it as /%FF//x, /%FF/x", "→ legacy (no route: the default)"]),
        (["GET", "/" + "a;b/" * 400], ["more paths than can be listed", "refused with 400"]),
        (["GET", "/else"], ["(6 more whose host or path does not fit: --all shows them)"]),
        (["GET", "/else", "--all"], ["✗ gone: path has 'else' where 'gone' belongs", "✗ hosted: host is not *.example.org"]),
        (["OPTIONS", "/api/7", "--client", "192.0.2.1"], ["✗ reads: method is not GET"]),
    ],
)  # fmt: skip
def test_in_words(explain, words, expected):
    out = explain(*words)
    for piece in expected:
        assert piece in out
    json.loads(explain(*words, "--json"))


def test_in_json(explain):
    found = json.loads(explain("GET", "/api/7", "-H", "x-user: 1", "--json"))
    assert (found["winner"], found["sticky_key"], found["ambiguous"], found["segments"]) == ("reads", "1", None, ["api", "7"])
    assert list(found["stages"]) == ["legacy", "shadow", "canary", "modern", "retired"]
    assert found["stages"]["retired"]["served_by"] == "modern"
    assert [route["name"] for route in found["routes"] if route["matches"]] == ["reads"]
    refused = json.loads(explain("GET", "/api//7", "--json"))
    assert refused["decision"] == {"refused": 400, "reason": "ambiguous_path_empty_segment"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["GET", "api"], "'api' is not a path: write /…, or a whole URL"),
        (["GET", "ftp://a/b"], "is not a path"),
        (["GET", "/", "-H", "x"], "'x' is not a header: write 'NAME: VALUE'"),
        (["GET", "/", "-H", ": x"], "is not a header"),
        (["G T", "/"], "'G T' is not a method"),
    ],
)
def test_refusals_are_one_line(tmp_path, capsys, words, message):
    (tmp_path / "routes.yaml").write_text(ROUTES, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["explain", *words, "-c", str(tmp_path / "routes.yaml")])
    _, err = capsys.readouterr()
    assert ended.value.code == 2
    assert message in err
    assert err.count("\n") == 1
