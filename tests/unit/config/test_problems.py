"""Everything that can be wrong with a routes.yaml: what is said, and where."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.config.document import parse
from strangler.config.rules import RULES
from strangler.core.spec.node import DocumentError
from tests.unit.config.cases import SECRET, found, paragraphs, shown, split
from tests.unit.given import HEAD, outcome

CASES = [split(paragraph) for paragraph in paragraphs()]
CASES = [(text, expected) for text, expected in CASES if text.strip()]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text.strip().split("\n")[0][:60] for text, _ in CASES])
def test_the_problems_of(text, expected):
    assert expected, "every case has a problem"
    assert found(text) == expected


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_has_a_case(rule, monkeypatch):
    """Without the rule some case says something else."""
    monkeypatch.setattr("strangler.config.load.RULES", [other for other in RULES if other is not rule])
    assert any(found(text) != expected for text, expected in CASES)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ["1:1: is empty: write at least `version: 1` and `upstreams:`"]),
        (b"\n# nothing\n", ["1:1: is empty: write at least `version: 1` and `upstreams:`"]),
        (b"\xef\xbb\xbf", ["1:1: is empty: write at least `version: 1` and `upstreams:`"]),
        ("version: 1".encode("utf-16"), ["1:1: not UTF-8 (line 1): save the file as UTF-8"]),
        (
            "version: 1".encode("utf-16-le"),
            [r"1:2: not valid YAML: a control character '\x00': delete it, or escape it in quotes"],
        ),
        (b"version: 1\n# caf\xe9\n", ["2:6: not UTF-8 (line 2): save the file as UTF-8"]),
        ("é: 1\nx: é\x07".encode(), [r"2:5: not valid YAML: a control character '\x07': delete it, or escape it in quotes"]),
        (b"\xef\xbb\xbfstore: @x", ["1:8: not valid YAML: found character that cannot start any token: put the value in quotes"]),
        ("é: 1\né: ö: x\n".encode(), ["2:5: not valid YAML: mapping values are not allowed in this context: indent this line as"
         " its neighbours, or put the value in quotes"]),
        (b"version: 1\r\nupstreams: {}\r\nworkers: x\r\n", [
            "2:12: upstreams: there is no upstream 'legacy', which serves whatever no route matches",
            "3:10: workers: 'x' is not a number of workers: 1 to 256, or auto"]),
        (b"--- ", ["1:5: `version` is missing: version of this format: 1", "1:5: `upstreams` is missing: services by name"]),
        (b"[" * 100_000, ["1:65: nested deeper than 64 levels"]),
        (b"{a: " * 100_000, ["1:257: nested deeper than 64 levels"]),
        (b"- " * 100_000, ["1:129: nested deeper than 64 levels"]),
    ],
)  # fmt: skip
def test_bytes(data, expected):
    assert [shown(problem) for problem in outcome(data).problems] == expected


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter():
    text = HEAD + "routes: [{name: a, match: {path: /é}}]\n"
    plain = outcome(text).config
    assert plain is not None
    assert outcome(b"\xef\xbb\xbf" + text.encode()).config == plain
    assert outcome(text.replace("\n", "\r\n")).config == plain


def chain(first: str, link: str, length: int) -> str:
    """`x: [&a0 first, &a1 link, …]`, in which a link may name the one before it as {0}."""
    return (
        "x: [" + ", ".join([f"&a0 {first}", *(f"&a{n} " + link.replace("{0}", f"*a{n - 1}") for n in range(1, length))]) + "]\n"
    )


BOMBS = {
    "laughs": chain("[lol]", "[{0}, {0}, {0}, {0}, {0}, {0}]", 14) + "routes: *a13",
    "merges": chain("{stage: x}", "{<<: [{0}, {0}]}", 40) + "defaults: *a39",
    "a deep chain": chain("{stage: x}", "{<<: {0}}", 3000) + "defaults: *a2999",
    "a wide merge": "x: &a {" + ", ".join(f"k{n}: 1" for n in range(3000)) + "}\nroutes: [" + "{<<: *a}, " * 500 + "]",
    "one long word": "store: " + "x" * 1_000_000,
    "many keys": "\n".join(f"key{n}: 1" for n in range(3000)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_hostile_files_are_refused_soon(bomb):
    started = time.process_time()
    problems = outcome(HEAD + BOMBS[bomb]).problems
    assert problems
    assert time.process_time() - started < 10, "seconds; what multiplies takes for ever"
    assert all(len(problem.message) < 1500 for problem in problems)


SOUND = """\
routes:
  - name: read-order
    match: {path: "/api/{id}", methods: [GET], host: shop.example.org, headers: {x-v: "2"}, query: {q: "*"}, cookies: {b: "1"}}
    stage: canary
    weight: 5%
    sticky: {by: "header:x-user-id", salt: orders, missing: legacy}
    group: orders
    legacy: legacy
    modern: modern
    fallback: safe
    upgrades: [websocket]
    adapt:
      request: {path: "/v2/{id}", set_headers: {x-tenant: main}, remove_headers: [x-old]}
      response: {rename: {"$.a": "$.b"}, python: "my_adapters:order"}
    shadow: {sample: 100%, methods: [GET, HEAD], timeout: 5s, concurrency: 64, max_body: 1MiB, during: [shadow, canary]}
    compare: {headers: [location], ignore: ["$.a"], unordered: ["$.tags", {path: "$.items", key: sku}], python: "m:f",
              tolerance: [{path: "$.total", abs: 0.01}, {path: "$.paid_at", seconds: 2}], treat_equal: [case]}
    noise: {learn: false, sample: 1%, fields: [{path: "$.at", kind: clock}]}
    redact: {headers: [cookie], fields: ["$..password"], detect: [email]}
    guard: {match_rate: 99.9%, confidence: 95%, latency_ratio: 1.5, max_lag: 5s}
    ladder: {auto: false, steps: [1%, 100%], dwell: 1h}
listen: [{address: "127.0.0.1:8080", engine: native, tls: {cert: given.py, key: given.py}, trusted_proxies: [10.0.0.0/8],
          limits: {headers: 128, idle: 75s, body: none}}]
admin: {address: "127.0.0.1:8081",
        users: {ops: "sha256:1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a",
                eve: {token: "sha256:1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a", role: viewer}}}
mappings: [given.py]
store: sqlite:///strangler.db
log: {level: info, access: off}
notify: {webhook: "https://example.org/x"}
milestones: [{name: Out, routes: ["@orders", read-order], due: 2027-03-31}]
"""


def scalars(text: str) -> list[tuple[int, int]]:
    return [
        (event.start_mark.index, event.end_mark.index)
        for event in yaml.parse(text, Loader=yaml.SafeLoader)
        if isinstance(event, yaml.ScalarEvent)
    ]


@pytest.mark.parametrize("secret", [SECRET, "Sekrit/with.odd:chars", r"BACK\slash'quote"])
def test_what_the_environment_holds_is_never_shown(secret):
    """At every place of a file, as key and as value, alone and inside other text."""
    whole = HEAD + SOUND
    assert outcome(whole).config, outcome(whole).problems
    for start, end in scalars(whole):
        for value in ("${S}", "/${S}", "x${S}", "http://${S}:1", "${S}:80", "unix:${S}", "$.${S}", "header:${S}", "m:${S}"):
            text = f'{whole[:start]}"{value}"{whole[end:]}'
            for problem in outcome(text, {"S": secret}).problems:
                said = f"{problem.path} {problem.message}"
                assert secret.lower() not in said.lower(), (value, said)
                assert repr(secret)[1:-1].lower() not in said.lower(), (value, said)


def test_a_variable_may_have_a_default():
    for environ, expected in [({}, "a"), ({"V": ""}, "a"), ({"V": "b"}, "b")]:
        text = 'version: 1\nupstreams: {legacy: {url: "http://${V:-a}:1"}}'
        assert outcome(text, environ).config.upstreams["legacy"].url.host == expected
    literal = outcome(HEAD + 'routes: [{name: a, match: {path: /a, query: {q: "$${V}"}}}]').config
    assert literal.routes[0].match.query == {"q": "${V}"}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_no_text_makes_the_parser_raise_anything_else(text):
    problem = None
    try:
        parse(text)
    except DocumentError as error:
        problem = error.problem
    assert problem is None or (problem.line >= 1 and problem.column >= 1)


def test_a_file_name_longer_than_the_system_takes_is_a_file_that_is_not_there():
    (problem,) = outcome(HEAD + f"mappings: [{'m' * 300}]").problems
    assert shown(problem) == f"3:12: mappings[0]: there is no file {'m' * 300} (looked in the folder of this file)"


def test_problems_are_one_printable_line_each():
    for text in ('"a\\nb": 1', 'store: "\\e[31mred"', 'routes: [{name: "\\u202egnp"}]', "store: " + "y" * 10_000):
        for problem in outcome(HEAD + text).problems:
            line = problem.render("routes.yaml")
            assert line.isprintable()
            assert len(line) < 1500
            assert json.loads(json.dumps(line)) == line


def test_relative_paths_mean_the_folder_of_the_file(tmp_path):
    for name in ("c.pem", "k.pem", "ca.pem", "m.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    text = """
version: 1
listen: [{address: "unix:s.sock", tls: {cert: c.pem, key: k.pem}}, {address: "unix:/run/s"}]
admin: {address: "unix:a.sock", tls: {cert: c.pem, key: k.pem}}
upstreams: {legacy: {url: "https://a", ca: ca.pem}}
mappings: [m.yaml, sub/../m.yaml]
log: {access: log/a.jsonl}
store: sqlite+pysqlite:///s.db
"""
    config = outcome(text, folder=tmp_path).config
    assert config is not None
    assert [str(listener.address) for listener in config.listen] == [f"unix:{tmp_path}/s.sock", "unix:/run/s"]
    assert str(config.admin.address) == f"unix:{tmp_path}/a.sock"
    assert config.admin.tls == config.listen[0].tls
    assert config.listen[0].tls.cert == str(tmp_path / "c.pem")
    assert config.upstreams["legacy"].ca == os.fspath(tmp_path / "ca.pem")
    assert config.mappings == (str(tmp_path / "m.yaml"), str(tmp_path / "sub/../m.yaml"))
    assert config.log.access == str(tmp_path / "log/a.jsonl")
    assert config.store == f"sqlite+pysqlite:///{tmp_path}/s.db"
    assert re.fullmatch("sqlite:///.*strangler.db", outcome(HEAD).config.store)


def test_a_store_beside_a_file_in_another_folder_is_named_whole(tmp_path, monkeypatch):
    """Whoever opens it puts the folder in front, which must change nothing."""
    monkeypatch.chdir(tmp_path)
    config = outcome(HEAD, folder=Path("sub")).config
    assert config.store == f"sqlite:///{tmp_path}/sub/strangler.db"
    assert config.folder == f"{tmp_path}/sub"
