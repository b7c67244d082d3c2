"""Random route files in every way of writing, and what must hold of `edit` on each: used by test_edit, and by hand for
a long run: ``python -m tests.unit.config.fuzz_edit 100000 [SEED]``.

The oracle does not use our own reading of YAML: PyYAML's loader, with all scalars kept as strings, says what a text means.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from random import Random
from typing import Any, TypeVar

import yaml

from strangler.config.edit import Change, edit
from strangler.config.survey import EditError
from strangler.core.model import Stage
from strangler.core.spec.node import DocumentError
from strangler.core.units import Share, format_percent, parse_percent

T = TypeVar("T")
STAGES = [stage.value for stage in Stage]
WEIGHTS = ["0%", "5%", "12.5%", "100%", "5 %", "5.0%", "0.1%"]
TEXTS = [
    "x",
    "a b",
    "canary",
    "stage: shadow",
    "{a: b}",
    "# no comment",
    "it's",
    'say "no"',
    "é😀",
    "5%",
    "*a",
    "a, b",
    "no",
    "",
    "-",
]
COMMENTS = ["", " stage: canary", " {a: [b", ' "quote', " it's", " - x: y", " 😀 é", "\ttab", " &a *b", " weight: 5%, }"]
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Oracle(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML with nothing resolved but merge keys, which BaseLoader does not know, and what stands for no value."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        "<": [("tag:yaml.org,2002:merge", re.compile("<<$"))],
        **{first: [("tag:yaml.org,2002:null", re.compile("(~|null|)$"))] for first in ("", "~", "n")},
    }


for kind in ("int", "float", "bool", "merge"):
    Oracle.add_constructor(f"tag:yaml.org,2002:{kind}", lambda loader, node: loader.construct_scalar(node))


def meaning(text: str) -> Any:
    """What PyYAML reads, every scalar a string, merges applied."""
    return yaml.load(text.lstrip("\ufeff"), Oracle)


def split_routes(document: Any) -> tuple[Any, list[tuple[Any, Any, Any]]]:
    """A document without stages and weights of its routes; and name, stage and weight of each, defaults applied."""
    defaults = document.get("defaults") if isinstance(document.get("defaults"), dict) else {}
    rest = {key: value for key, value in document.items() if key != "routes"}
    routes = []
    for route in document["routes"]:
        if not isinstance(route, dict):
            rest.setdefault("others", []).append(route)
            continue
        rest.setdefault("others", []).append({key: value for key, value in route.items() if key not in ("stage", "weight")})
        stage, weight = (route.get(key, defaults.get(key, unsaid)) for key, unsaid in (("stage", "legacy"), ("weight", "0%")))
        routes.append((route.get("name"), stage or None, weight or None))  # with a tag, nothing is "" and not null
    return rest, routes


@dataclass
class Sample:
    """A text and the names of the routes in it."""

    text: str
    names: list[str]


@dataclass
class Writer:
    """Writes one random document. Scalars, maps and routes may get anchors; aliases and merges use those already there."""

    random: Random
    lines: list[str] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=lambda: {"stage": [], "weight": [], "text": []})
    maps: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    anchors: int = 0
    comments: int = 0
    in_block: bool = False  # a comment indented like its text would be text

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, options: Sequence[T]) -> T:
        return options[self.random.randrange(len(options))]

    def anchor(self, kind: str) -> str:
        self.anchors += 1
        name = f"a{self.anchors}" if self.chance(0.9) else f"{kind}_again"
        return name

    def comment(self) -> str:
        if self.chance(0.75):
            return self.pick(["", "", "", " ", "\t"]) if self.chance(0.2) else ""
        self.comments += 1
        return self.pick([" ", "  ", "\t", " \t "]) + f"#c{self.comments}c{self.pick(COMMENTS)}"

    def between(self, indent: int) -> None:
        """Blank and comment lines, at any indentation that leaves the structure alone."""
        while self.chance(0.12):
            if self.chance(0.5):
                self.lines.append(self.pick(["", "", "  "]))
            else:
                self.comments += 1
                depth = 0 if self.in_block else self.pick([0, indent, indent + 2])
                self.in_block = False
                self.lines.append(" " * depth + f"#c{self.comments}c{self.pick(COMMENTS)}")

    def word(self, key: str) -> str:
        return self.pick({"stage": STAGES, "weight": WEIGHTS}.get(key, TEXTS))

    def scalar(self, key: str, flow: bool) -> str:
        """A value in one line: an alias, or a word with any anchor, tag and quotes."""
        kind = key if key in ("stage", "weight") else "text"
        if self.words[kind] and self.chance(0.2):
            return f"*{self.pick(self.words[kind])}" + (" " if flow else "")
        prefix, text = "", self.word(key)
        if self.chance(0.15):
            name = self.anchor(kind)
            for known in self.words.values():
                known[:] = [old for old in known if old != name]
            self.words[kind].append(name)
            prefix = f"&{name} "
        if self.chance(0.05):
            prefix += self.pick(["!!str ", "! "] if key != "weight" else ["!!str ", "!!float "])
        if self.chance(0.04):
            return prefix.strip() + " "  # nothing but its anchor
        return prefix + self.quoted(text)

    def quoted(self, text: str) -> str:
        style = self.random.randrange(4)
        if style == 0:
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if style == 1 or not re.fullmatch(r"[a-zé😀0-9][a-zé😀0-9.% ]*", text):
            return "'" + text.replace("'", "''") + "'"
        return text

    def flow(self, key: str, depth: int) -> str:
        """Any value in flow style."""
        kind = self.random.randrange(5)
        if depth > 2 or kind < 3:
            return self.scalar(key if kind else "text", True)
        if kind == 3:
            return "[" + self.pick([", ", ","]).join(self.scalar("text", True) for _ in range(self.random.randrange(4))) + "]"
        keys = self.random.sample(["stage", "weight", "x", "name", "y"], self.random.randrange(4))
        return self.braces([(key, lambda key=key: self.flow(key, depth + 1)) for key in keys])  # type: ignore[misc]

    def braces(self, pairs: list[tuple[str, Callable[[], str]]]) -> str:
        """A mapping in braces, on one line or on several."""
        if not pairs:
            return self.pick(["{}", "{ }"])
        spread = self.chance(0.25)
        gap = "\n" + " " * 12 if spread else self.pick([" ", "  ", " "])
        parts = []
        for index, (key, value) in enumerate(pairs):
            written = self.pair(key, value())
            last = index == len(pairs) - 1
            comma = self.pick([",", "", ""]) if last else self.pick([",", ",", " ,"])
            parts.append(written + comma + (self.comment() if spread else "") + ("" if last else gap))
        opening, closing = self.pick([("", ""), (" ", " ")])
        if spread:
            opening, closing = self.pick([opening, gap]), gap
        return "{" + opening + "".join(parts) + closing + "}"

    def pair(self, key: str, value: str) -> str:
        if key == "<<":
            return f"<<: {value}"
        style = self.random.randrange(12)
        if style == 0:
            return f'"{key}": {value}'
        if style == 1:
            return f"'{key}' : {value}"
        if style == 2 and not value:
            return key
        return f"{key}: {value}"

    def add(self, head: str, text: str) -> None:
        """Lines of a value that may have breaks in it, behind what starts its first line."""
        first, *rest = (head + text).split("\n")
        self.lines += [first, *rest]

    def block_pair(self, indent: int, head: str, key: str, nested: int = 0) -> None:
        """One pair of a block mapping, its value in any style; `head` is indentation, or the dash before it."""
        if not head.strip():
            self.between(indent)
        pad = " " * indent
        quoted = self.pick([key, key, key, key, f'"{key}"', f"'{key}'"])
        colon = self.pick([":", ":", ":", " :"]) if quoted == key else ":"
        style = self.random.randrange(14)
        self.in_block = False
        if style == 0:
            self.lines.append(f"{head}? {quoted}{self.comment()}")
            if self.chance(0.9):
                self.add(f"{pad}: ", self.scalar(key, False) + self.comment())
        elif style == 1:
            self.lines.append(f"{head}{quoted}{colon}{self.comment()}")
            self.add(f"{pad}   ", self.scalar(key, False) + self.comment())
        elif style == 2:
            header = self.pick(["|-", ">-", "|", ">", "|+", "|2-"])
            self.lines.append(f"{head}{quoted}{colon} {header}{self.comment()}")
            self.lines.append(f"{pad}  {self.word(key) or 'x'}")
            while self.chance(0.2):
                self.lines.append("")
            self.in_block = True
            return
        elif style in (3, 4) and key not in ("stage", "weight", "name") and nested < 2:
            anchor = self.new_map() if self.chance(0.3) else ""
            self.lines.append(f"{head}{quoted}{colon}{' &' + anchor if anchor else ''}{self.comment()}")
            for child in self.random.sample(["stage", "weight", "x", "match", "y"], self.random.randrange(1, 4)):
                self.block_pair(indent + 2, pad + "  ", child, nested + 1)
            self.close_map(anchor)
        elif style == 5 and key not in ("stage", "weight", "name"):
            self.lines.append(f"{head}{quoted}{colon}{self.comment()}")
            dash = pad + self.pick(["", "  "]) + "- "
            for _ in range(self.random.randrange(1, 3)):
                self.add(dash, self.scalar("text", False) + self.comment())
        elif style in (6, 7) and key not in ("stage", "weight", "name"):
            anchor = self.new_map() if self.chance(0.3) else ""
            body = self.braces([(child, lambda child=child: self.flow(child, 1)) for child in ("stage", "x")])  # type: ignore[misc]
            self.add(f"{head}{quoted}{colon} {'&' + anchor + ' ' if anchor else ''}", body + self.comment())
            self.close_map(anchor)
        elif style == 8 and key in ("stage", "weight"):
            self.lines.append(f"{head}{quoted}{colon}{self.comment()}")
        else:
            self.add(f"{head}{quoted}{colon} ", self.scalar(key, False) + self.comment())

    def new_map(self) -> str:
        return self.anchor("map")

    def close_map(self, anchor: str) -> None:
        if anchor:
            self.maps[:] = [*(old for old in self.maps if old != anchor), anchor]
            self.merges[:] = [*(old for old in self.merges if old != anchor), anchor]

    def merge(self) -> str:
        sources = self.random.sample(self.merges, min(len(self.merges), self.random.randrange(1, 3)))
        return f"*{sources[0]} " if len(sources) == 1 else "[" + ", ".join(f"*{source}" for source in sources) + "]"

    def keys(self) -> list[str]:
        keys = ["name"]
        keys += ["match"] if self.chance(0.8) else []
        keys += ["stage"] if self.chance(0.6) else []
        keys += ["weight"] if self.chance(0.5) else []
        keys += self.random.sample(["shadow", "group", "compare", "notes"], self.random.randrange(3))
        keys += ["<<"] if self.merges and self.chance(0.4) else []
        if self.chance(0.4):
            self.random.shuffle(keys)
        return keys

    def flow_route(self, name: str) -> str:
        def value(key: str) -> str:
            if key == "name":
                return self.quoted(name)
            if key == "<<":
                return self.merge()
            if key in ("stage", "weight"):
                return "" if self.chance(0.05) else self.scalar(key, True)
            return self.flow(key, 1)

        return self.braces([(key, lambda key=key: value(key)) for key in self.keys()])  # type: ignore[misc]

    def route(self, name: str, indent: int) -> None:
        """One item of the block list of routes."""
        self.between(indent)
        dash = " " * indent + "-" + " " * self.pick([1, 1, 1, 3])
        anchor = self.new_map() if self.chance(0.35) else ""
        if self.chance(0.25):
            body = self.flow_route(name)
            self.add(dash + (f"&{anchor} " if anchor else ""), body + self.comment())
            return self.close_map(anchor)
        inner = len(dash)
        if anchor or self.chance(0.1):
            self.lines.append(f"{' ' * indent}-{' &' + anchor if anchor else ''}{self.comment()}")
            dash = " " * inner
        for key in self.keys():
            self.in_block = self.in_block and key not in ("name", "<<")
            if key == "name":
                self.add(dash, self.pair(key, self.named(name)) + self.comment())
            elif key == "<<":
                self.add(dash, f"<<: {self.merge()}{self.comment()}")
            else:
                self.block_pair(inner, dash, key)
            dash = " " * inner
        return self.close_map(anchor)

    def named(self, name: str) -> str:
        if self.chance(0.1):
            return f"&n{name} {self.quoted(name)}"
        return f">-\n{' ' * 20}{name}" if self.chance(0.05) else self.quoted(name)

    def section(self, key: str) -> None:
        """A mapping at the top: `defaults`, or one that the editor knows nothing of."""
        anchor = self.new_map() if self.chance(0.6) else ""
        self.lines.append(f"{key}:{' &' + anchor if anchor else ''}")
        for child in self.random.sample(["stage", "weight", "group", "x"], self.random.randrange(1, 4)):
            self.block_pair(2, "  ", child)
        self.close_map(anchor)

    def document(self) -> Sample:
        names = [f"r{index}" for index in range(self.random.randrange(1, 6))]
        if self.chance(0.3):
            self.lines.append(self.pick(["---", "# routes: here", "", "version: 1", "--- # a: b"]))
        if self.chance(0.4):
            self.section("defaults")
        if self.chance(0.3):
            self.section("extra")
        if self.chance(0.08):
            items = [self.flow_route(name) for name in names]
            items = [
                self.pair("name", self.quoted(name)) if self.chance(0.1) else item
                for item, name in zip(items, names, strict=True)
            ]
            self.add("routes: ", "[" + self.pick([", ", ",\n  "]).join(items) + "]" + self.comment())
        else:
            self.lines.append("routes:" + self.comment())
            indent = self.pick([0, 2, 2])
            for name in names:
                self.route(name, indent)
        if self.chance(0.3):
            self.between(0)
            self.section("after")
        return Sample(self.joined(), names)

    def joined(self) -> str:
        ends = self.pick([["\n"], ["\n"], ["\r\n"], ["\n", "\r\n"]])
        lines = [line for entry in self.lines for line in entry.split("\n")]
        text = "".join(line + self.pick(ends) for line in lines)
        if self.chance(0.2):
            text = text.removesuffix("\n").removesuffix("\r")
        return ("\ufeff" if self.chance(0.1) else "") + text


def generate(random: Random) -> Sample:
    """A random document that PyYAML reads."""
    while True:
        sample = Writer(random).document()
        try:
            document = meaning(sample.text)
        except yaml.YAMLError:
            GENERATED["unreadable"] += 1
            continue
        if isinstance(document, dict) and [route.get("name") for route in document["routes"]] == sample.names:
            GENERATED["good"] += 1
            return sample
        GENERATED["misread"] += 1


GENERATED: Counter[str] = Counter()


def changes(random: Random, names: list[str]) -> list[Change]:
    """What to ask for: one route, or several, as a group does; sometimes all the same."""
    some = random.sample(names, min(len(names), random.choice([1, 1, 1, 2, 3])))
    stage, weight = Stage(random.choice(STAGES)), parse_percent(random.choice(WEIGHTS))
    same = random.random() < 0.5
    asked = []
    for name in some:
        if not same:
            stage, weight = Stage(random.choice(STAGES)), parse_percent(random.choice(WEIGHTS))
        which = random.randrange(3)
        asked.append(Change(name, stage if which else None, weight if which != 1 else None))
    return asked


def check(sample: Sample, asked: list[Change]) -> None:
    """Everything that must hold of one edit."""
    result = edit(sample.text, asked)
    check_meaning(sample.text, result, asked)
    check_lines(sample.text, result)
    assert edit(result, asked) == result, "not idempotent"
    way_back = undo(sample.text, asked)
    if way_back is not None:
        assert normal(edit(result, way_back)) == normal(sample.text), "the way back does not restore the meaning"


def check_meaning(before: str, after: str, asked: list[Change]) -> None:
    rest, routes = split_routes(meaning(before))
    new_rest, new_routes = split_routes(meaning(after))
    assert new_rest == rest, "something else changed"
    for place, (name, stage, weight) in enumerate(routes):
        for change in asked:
            if name == change.route:
                routes[place] = (name, change.stage or stage, _expected(change, weight, new_routes[place][2]))
    assert new_routes == routes, "a stage or weight is not what it should be"


def _expected(change: Change, before: str, after: str) -> str:
    """The weight that there should be: as asked, in any way of writing it."""
    if change.weight is None:
        return before
    return after if share(after) == change.weight else format_percent(change.weight)


def share(text: str | None) -> Share | None:
    try:
        return parse_percent(text or "")
    except ValueError:
        return None


def normal(text: str) -> Any:
    rest, routes = split_routes(meaning(text))
    return rest, [(name, stage, share(weight) if share(weight) is not None else weight) for name, stage, weight in routes]


def undo(before: str, asked: list[Change]) -> list[Change] | None:
    """The changes that lead back; None if a value was not a stage or a weight before, and cannot be asked for."""
    _, routes = split_routes(meaning(before))
    was = {name: (stage, share(weight)) for name, stage, weight in routes}
    if any(was[change.route][0] not in STAGES or was[change.route][1] is None for change in asked):
        return None
    return [Change(change.route, Stage(was[change.route][0]), was[change.route][1]) for change in asked]


TOUCHABLE = re.compile(r"stage|weight|[*&!]|%|name|match|[{}\[]|^\s*:\s|" + "|".join(STAGES))
INSERTED = re.compile(r"""\s*(:|["']?name|.*["']?(stage|weight)["']? ?: )""")  # or the rest of a line that was broken in two


def check_lines(before: str, after: str) -> None:
    """Lines that hold no edited scalar and no inserted key are the same bytes; no comment and no blank line is lost."""
    assert re.findall(r"#c\d+c[^\r\n]*", before) == re.findall(r"#c\d+c[^\r\n]*", after), "a comment was lost or moved"
    old, new = split_lines(before), split_lines(after)
    assert sum(not line.strip() for line in old) == sum(not line.strip() for line in new), "a blank line came or went"
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "insert":
            for line in new[new_start:new_end]:
                assert INSERTED.match(line), f"inserted: {line!r}"
        elif tag in ("replace", "delete"):
            now = "".join(new[new_start:new_end])
            for line in old[start:end]:  # a key put before the first of an item moves that to a line of its own
                assert TOUCHABLE.search(line) or line.lstrip(" -").rstrip("\r\n") in now, f"touched: {line!r}"


def split_lines(text: str) -> list[str]:
    lines, at = [], 0
    for found in BREAK.finditer(text):
        lines.append(text[at : found.end()])
        at = found.end()
    return [*lines, text[at:]]


def mutate(random: Random, text: str) -> str:
    """The text with a few characters, or a line, taken out, doubled or made up."""
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        length = random.choice([1, 1, 2, 8, 40])
        made_up = "".join(
            random.choice("\n\r\t :,-?{}[]&*!|>'\"%#@`<\\0aé😀\u2028\ufeff\x00") for _ in range(random.randrange(4))
        )
        text = text[:at] + random.choice(["", made_up, text[at : at + length] * 2, text[:length]]) + text[at + length :]
    return text


def edited_or_refused(text: str, asked: list[Change]) -> str | None:
    """None if it was refused, in one line; any other exception is a bug."""
    message = ""
    try:
        return edit(text, asked)
    except (EditError, DocumentError) as error:
        message = str(error)
    assert message
    assert message.isprintable()
    return None


def check_mutated(random: Random, sample: Sample, asked: list[Change]) -> bool:
    """On any text `edit` returns a text that still means the same otherwise, or says that it cannot. True if it returned."""
    text = mutate(random, sample.text)
    result = edited_or_refused(text, asked)
    if result is None:
        return False
    if is_unambiguous(text):
        check_meaning(text, result, asked)
    return True


def is_unambiguous(text: str) -> bool:
    """Whether all readers of YAML agree on a text: no key stands twice in a mapping, and merges are as usual."""
    try:
        meaning(text)
        waiting, seen = [yaml.compose(text.lstrip("\ufeff"), Oracle)], set()
    except (yaml.YAMLError, TypeError):  # PyYAML's constructor is stricter than its parser: keys that are lists, odd merges
        return False
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            if len(keys) != len(set(keys)):
                return False
            waiting += [value for _, value in node.value]
        else:
            waiting += node.value
    return True


def check_sample(random: Random) -> bool:
    """One random document and its laws. False if it was refused, for the one reason there may be."""
    sample = generate(random)
    try:
        check(sample, changes(random, sample.names))
    except EditError as error:
        if "that is no word from a route it merges" not in str(error):  # a stage that is a mapping: no such file is run
            raise
        return False
    return True


def check_mutation(random: Random) -> bool:
    sample = generate(random)
    return check_mutated(random, sample, changes(random, sample.names))


def main(count: int, seed: int) -> None:
    edited: Counter[str] = Counter()
    for number in range(seed, seed + count):
        try:
            edited["samples"] += check_sample(Random(number))
            edited["mutations"] += check_mutation(Random(number))
        except BaseException:
            print(f"seed {number}")
            raise
    print(f"{count} documents and a mutation of each, from seed {seed}; edited: {dict(edited)}; generated: {dict(GENERATED)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
