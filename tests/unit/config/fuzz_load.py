"""Random configurations, sound and spoilt: every one is a Config or problems with their places, never a traceback.

    python -m tests.unit.config.fuzz_load 100000 --seed 1

Sound ones must be read as sound and pass the JSON Schema. Spoilt ones have types swapped, keys misspelt, values replaced,
lines cut, bytes flipped; they are read twice and must give the same.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import yaml

from strangler.config.jsonschema import schema
from strangler.config.load import Outcome
from tests.unit.given import outcome

ENVIRON = {"TOKEN": "secret-token-0123", "HASH": f"sha256:{'0b' * 32}", "URL": "http://legacy.example:1"}
JUNK = [
    *("", "~", "null", "yes", "off", "NO", "on", "y", "0", "-1", "5", "0x10", "010", "1e9", "1:30", ".inf", ".nan", "5%", "0s"),
    *("101%", "5s", "1MiB", "1M", "2027-03-31", "${TOKEN}", "${NOPE}", "${URL:-x}", "${", "$${", "*", "&a b", "*a", "!!int 5"),
    *("!x y", "<<", "%", "@x", "`", "{", "}", "[", "]", "{}", "[]", "{a: b}", "[a, b]", "[[1]]", "- x", "? x", "|", ">", "'"),
    *('"', "'it''s'", '"\\x00"', '"\\u202e"', '"a\\nb"', '"a\\rb"', '"\\ud800"', "é", "日本", "a" * 300, "/", "//", "/a/../b"),
    *(
        "/{",
        "/{a",
        "/{a...}/b",
        "/{a:(}",
        "/*",
        "$",
        "$..",
        "$.a[",
        "http://",
        "http://[",
        "http://a:b",
        "unix:",
        "unix:" + "x" * 300,
    ),
    *("127.0.0.1", "::1", "[::1]:80", ":80", "header:", "cookie:a b", "path:zzz", "ip", "legacy", "modern", "shadow", "canary"),
    *("retired", "GET", "get", "@g", "#x", "\t", "---"),
]
NAMES = ["orders", "users", "cart-2", "read_it", "v1.2", "Search", "x", "2024", "no", "on"]


class Builder:
    """Makes one random sound file as plain values. `chance` decides whether an optional key is written."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.groups: dict[str, dict[str, Any]] = {}

    def some(self, **values: Any) -> dict[str, Any]:
        """Each key with a chance of one in three; functions are called."""
        return {key: value() if callable(value) else value for key, value in values.items() if self.rng.random() < 0.33}

    def word(self) -> str:
        return self.rng.choice(NAMES) + str(self.rng.randrange(100))

    def duration(self) -> str:
        return f"{self.rng.choice([1, 2.5, 30, 250])}{self.rng.choice(['ms', 's', 'm', ' h', 'd'])}"

    def size(self) -> str:
        return f"{self.rng.choice([4, 64, 1000])}{self.rng.choice(['KB', 'MiB', ' GiB', 'KiB'])}"

    def percent(self) -> str:
        return f"{self.rng.choice(['0.5', '5', '12.5', '99.9', '50'])}%"

    def pattern(self) -> str:
        return self.rng.choice(["$.a", "$..password", "$.items[*].id", "$['odd name'][0]", "$"])

    def sample(self, words: list[str], least: int = 0) -> list[str]:
        return self.rng.sample(words, self.rng.randint(least, len(words)))

    def file(self) -> dict[str, Any]:
        upstreams = {name: self.upstream() for name in ("modern", self.word())}
        upstreams["legacy"] = {key: value for key, value in self.upstream().items() if key != "identity"}
        routes = [self.route(index, list(upstreams)) for index in range(self.rng.randrange(6))]
        names = [route["name"] for route in routes]
        whole = {
            "version": 1,
            "upstreams": upstreams,
            "routes": routes,
            **self.some(
                listen=lambda: [self.listener(port) for port in self.sample(["9901", "9902"], 1)],
                admin=lambda: {
                    "address": "127.0.0.1:9905",
                    **self.some(users={"ops": "${HASH}", "eve": {"token": f"sha256:{'1a' * 32}", "role": "viewer"}}),
                },
                store=self.rng.choice(["sqlite:///x.db", "postgresql+psycopg://h/d"]),
                retention=lambda: self.some(examples=self.duration, size=self.size),
                workers=self.rng.choice([1, 4, "auto"]),
                log=lambda: self.some(level="debug", access=self.rng.choice(["off", "stdout", "a.log"])),
                reload=self.rng.choice(["guarded", "trusted"]),
                mappings=["given.py"],
                notify=lambda: self.some(webhook="https://example.org/x"),
                defaults=lambda: self.some(fallback="off", redact=self.redact, noise=self.noise, modern="modern"),
            ),
        }
        if names:
            whole |= self.some(milestones=[{"name": "Out", "routes": names[:1], "due": "2027-03-31"}])
        return whole

    def upstream(self) -> dict[str, Any]:
        return {
            "url": self.rng.choice(["http://a.example:81", "https://b.example", "${URL}", "http://[2001:db8::1]:80"]),
            **self.some(
                host=self.rng.choice(["preserve", "upstream", "shop.example.org"]),
                timeouts=lambda: self.some(connect=self.duration, response=self.duration, idle=self.duration),
                health=lambda: {"path": "/healthz", **self.some(every=self.duration, fail=2, **{"pass": 3})},
                breaker=lambda: self.rng.choice(
                    ["off", self.some(error_rate=self.percent, min_requests=5, window=self.duration)]
                ),
                version="header:X-Build",
                identity=lambda: {
                    "ask": "legacy",
                    "path": "/who",
                    "forward": ["cookie"],
                    **self.some(cache="0s", **{"as": "X-User"}),
                },
                ca="given.py",
            ),
        }

    def listener(self, port: str) -> dict[str, Any]:
        limits = self.some(
            header_bytes=self.size, headers=50, idle=self.duration, connections=10, body=lambda: self.rng.choice(["none", "1MB"])
        )
        tls = {"cert": "given.py", "key": "given.py"}
        more = self.some(engine="native", tls=tls, trusted_proxies=["10.0.0.0/8", "::1"], limits=limits)
        return {"address": f"127.0.0.1:{port}", **more}

    def route(self, index: int, upstreams: list[str]) -> dict[str, Any]:
        stage = self.rng.choice(["legacy", "shadow", "canary", "modern", "retired"])
        middle = self.rng.choice(["{id}", "{id:[0-9]{1,4}}", "a b", "é"])
        match = {
            "path": f"/r{index}/{middle}{self.rng.choice(['', '/', '/x', '/{rest...}'])}",
            **self.some(
                host=self.rng.choice(["shop.example.org", "*.example.org"]),
                headers={"X-V": self.rng.choice(["2", "*", 2])},
                query={"q": "*", "a b": 1},
                cookies={"beta": "1"},
            ),
        }  # fmt: skip
        if stage in ("shadow", "canary") or self.rng.random() < 0.5:
            match["methods"] = ["GET", *self.sample(["HEAD", "OPTIONS"])]
        sticky = self.rng.choice(["header:X-User", "cookie:user", "ip"])
        kept = {"stage": stage, "weight": self.percent(), "sticky": {"by": sticky, **self.some(salt="s", missing="draw")}}
        group = self.rng.choice(["", "", "g1", "g2"])
        if group:
            kept = {"group": group, **self.groups.setdefault(group, kept)}
            if kept["stage"] in ("shadow", "canary"):
                match.setdefault("methods", ["GET"])
        return {"name": f"{self.word()}-{index}", "match": match, **kept, **self.details(middle, upstreams)}

    def details(self, middle: str, upstreams: list[str]) -> dict[str, Any]:
        new_path = "/v2/{id}" if middle.startswith("{") else "/v2"
        return self.some(
            legacy=upstreams[1],
            fallback=self.rng.choice(["off", "safe"]),
            upgrades=["websocket"],
            adapt=lambda: self.some(
                request=self.some(path=new_path, set_headers={"x-tenant": "main", "y": 5}, remove_headers=["x-old"]),
                response=self.some(rename={"$.a": "$.b.c"}, python="m.n:f"),
            ),
            shadow=lambda: self.some(
                sample=self.percent, methods=["GET", "HEAD"], timeout=self.duration, concurrency=3, max_body=self.size
            ),
            compare=lambda: self.some(
                headers=["location"],
                ignore=lambda: [self.pattern()],
                unordered=lambda: [self.pattern(), {"path": self.pattern(), "key": "sku"}],
                tolerance=lambda: [{"path": self.pattern(), self.rng.choice(["abs", "seconds"]): self.rng.choice([0, 1, 0.25])}],
                treat_equal=lambda: self.sample(["null_missing", "case", "whitespace"]),
                python="m:f",
            ),
            noise=self.noise,
            redact=self.redact,
            guard=lambda: self.some(
                match_rate=self.percent, confidence="95%", coverage="90%", error_increase="1%", latency_ratio=1.5, max_lag="5s",
                compared_within="26h",
            ),
            ladder=lambda: self.some(auto=self.rng.choice([True, False]), steps=["1%", "12.5%", "100%"], dwell=self.duration),
        )  # fmt: skip

    def noise(self) -> dict[str, Any]:
        return self.some(
            learn=self.rng.choice([True, False]),
            sample=self.percent,
            fields=lambda: [{"path": self.pattern(), "kind": self.rng.choice(["clock", "uuid", "token", "order"])}],
        )

    def redact(self) -> dict[str, Any]:
        return self.some(headers=["cookie"], fields=["$..password"], detect=self.sample(["email", "card", "jwt"]))


def sound(rng: random.Random) -> str:
    """The text of a sound file, in block or flow style."""
    whole = Builder(rng).file()
    text: str = yaml.safe_dump(
        whole, sort_keys=False, allow_unicode=True, default_flow_style=rng.choice([None, True, False]), width=100
    )
    return text


Spoil = Callable[[str, random.Random], str]


def _replace_value(text: str, rng: random.Random) -> str:
    found = rng.choice(list(re.finditer(r"(?<=[:,\[{-] )[^\s,\]}{\[][^,\]}\n]*", text)) or [re.match("", text)])
    assert found
    return text[: found.start()] + rng.choice(JUNK) + text[found.end() :]


def _misspell(text: str, rng: random.Random) -> str:
    found = rng.choice(list(re.finditer(r"\w+(?=:)", text)) or [re.match("", text)])
    assert found
    word = found[0]
    place = rng.randrange(len(word) + 1)
    typed = rng.choice([word[:place] + word[place + 1 :], word[:place] + "x" + word[place:], word.upper(), "", rng.choice(JUNK)])
    return text[: found.start()] + typed + text[found.end() :]


def _drop_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return "".join(lines)


def _repeat_line(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return "".join(lines)


def _indent(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    lines[place] = rng.choice([" ", "\t", "  ", "- "]) + lines[place]
    return "".join(lines)


def _flip_characters(text: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice("\x00\t\n {}[]:,&*#?|-<>=!%@`'\"é\ufeff\u2028\x85a0") + text[place + rng.randint(0, 2) :]
    return text


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


def _share(text: str, rng: random.Random) -> str:
    """An anchor on one value, and an alias or merge of it somewhere else."""
    places = [found.end() for found in re.finditer(r": (?=\S)|- (?=\S)", text)]
    if len(places) < 2:
        return text
    first, second = sorted(rng.sample(places, 2))
    alias = rng.choice(["*a ", "{<<: *a} ", "{<<: [*a, *a]} "])
    return (
        text[:first]
        + "&a "
        + text[first:second]
        + alias
        + (text[second:] if rng.random() < 0.2 else text[text.find("\n", second) :])
    )


SPOILS: tuple[Spoil, ...] = (
    _replace_value,
    _replace_value,
    _misspell,
    _drop_line,
    _repeat_line,
    _indent,
    _flip_characters,
    _cut,
    _share,
)


def spoilt(rng: random.Random) -> bytes:
    """A sound file after one to three accidents; sometimes only noise."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(60))
    text = sound(rng)
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(SPOILS)(text or " ", rng)
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.03 and data:
        place = rng.randrange(len(data))
        data = data[:place] + rng.randbytes(2) + data[place:]
    return data


def verify(data: bytes) -> Outcome:
    """Read a file twice and assert everything that must hold of the outcome of any file."""
    found, again = outcome(data, ENVIRON), outcome(data, ENVIRON)
    assert found.config == again.config
    assert found.problems == again.problems
    errors = [problem for problem in found.problems if not problem.warning]
    assert bool(errors) == (found.config is None)
    lines = len(re.split("\r\n|[\n\r\x85\u2028\u2029]", data.decode("utf-8", "replace")))
    for problem in found.problems:
        assert 1 <= problem.line <= lines, problem
        assert problem.column >= 1, problem
        line = problem.render("routes.yaml")
        assert line.isprintable(), problem
        assert not line.endswith(": "), problem
        assert ENVIRON["TOKEN"] not in line, problem
    assert len({(problem.line, problem.column, problem.path, problem.message) for problem in found.problems}) == len(
        found.problems
    )
    return found


class Editor:
    """What an editor does: YAML 1.2 to values, then the JSON Schema as `strangler schema` prints it."""

    def __init__(self) -> None:
        from jsonschema import Draft202012Validator

        self.validator = Draft202012Validator(json.loads(json.dumps(schema())))

    def complaints(self, text: str) -> list[str]:
        """What it underlines: the innermost reason for each."""
        from jsonschema.exceptions import best_match

        errors = [best_match([error]) for error in self.validator.iter_errors(yaml.load(text, Loader=_CoreLoader))]
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors if error]


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: only true and false are booleans, dates are text."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern in (
    ("null", "~|null|Null|NULL|"),
    ("bool", "true|True|TRUE|false|False|FALSE"),
    ("int", "[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ("merge", "<<"),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), None)


def run(count: int, seed: int) -> Counter[str]:
    """Every tenth file is sound. Returns how many there were of each kind."""
    editor, counts = Editor(), Counter[str]()
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        data = sound(rng).encode() if number % 10 == 0 else spoilt(rng)
        try:
            found = verify(data)
            if number % 10 == 0:
                assert found.config is not None, [problem.render("routes.yaml") for problem in found.problems]
                assert editor.complaints(data.decode()) == []
        except BaseException:
            print(f"file {number} of seed {seed}:\n{data.decode('utf-8', 'replace')}")
            raise
        counts[
            "generated sound" if number % 10 == 0 else "spoilt, refused" if found.config is None else "spoilt, still sound"
        ] += 1
        counts["problems"] += len(found.problems)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description="Read random configurations.")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.monotonic()
    counts = run(arguments.count, arguments.seed)
    print(f"{arguments.count:,} files, seed {arguments.seed}, {time.monotonic() - started:.0f} s, no traceback")
    for kind, count in sorted(counts.items()):
        print(f"  {kind}: {count:,}")


if __name__ == "__main__":
    main()
