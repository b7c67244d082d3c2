"""Random route files whose routes say something about comparing, in every way of writing, and what must hold of `add_rule`
on each: used by test_rule_edit, and by hand for a long run: ``python -m tests.unit.config.fuzz_rule_edit 100000 [SEED]``.

As in `fuzz_edit`, PyYAML's loader says what a text means, not our own reading of it.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import partial
from random import Random
from typing import Any

import yaml

from strangler.config.rule_edit import NewRule, add_rule
from strangler.config.survey import EditError
from strangler.core.spec.node import DocumentError
from tests.unit.config.fuzz_edit import Sample, Writer, is_unambiguous, meaning, mutate, split_lines

PATHS = ["$.a", "$.b.c", "$.items[*].id", "$['it''s # odd']", "$..deep", "$['{x}: é😀']"]
LISTS = {"compare": ("ignore", "unordered", "tolerance", "treat_equal", "headers"), "noise": ("fields", "sample")}
WORDS = ("null_missing", "case", "whitespace")
NEW = (
    NewRule("compare.ignore", "$.new"),
    NewRule("compare.ignore", "$['it\\'s \"odd\", {new}: # ${HOME} é😀']"),
    NewRule("compare.unordered", "$.list[*].tags"),
    NewRule("compare.unordered", members=(("path", "$.list"), ("key", "null"))),
    NewRule("compare.tolerance", members=(("path", "$.total"), ("abs", "0.01"))),
    NewRule("compare.tolerance", members=(("path", "$.at"), ("seconds", "2"))),
    NewRule("compare.treat_equal", "empty_null"),
    NewRule("noise.fields", members=(("path", "$.etag"), ("kind", "token"))),
)
SECTIONS = tuple(LISTS)


class RuleWriter(Writer):
    """Writes `compare` and `noise` as people do, and everything else as `Writer` does."""

    def rule(self, key: str) -> str:
        path = self.path()
        if key == "tolerance":
            return f"{{path: {path}, abs: 1}}"
        if key == "fields":
            return f"{{path: {path}, kind: {self.pick(['clock', 'uuid'])}}}"
        if key == "unordered" and self.chance(0.5):
            return f"{{path: {path}, key: sku}}"
        return {"treat_equal": self.pick(WORDS), "headers": "x-a"}.get(key, path)

    def path(self) -> str:
        text = self.pick(PATHS).replace("''", "'")
        if re.fullmatch(r"\$[.\w]+", text) and self.chance(0.5):
            return text
        return "'" + text.replace("'", "''") + "'" if self.chance(0.5) else '"' + text + '"'

    def list_in_line(self, key: str) -> str:
        if key == "sample":
            return "5%"
        items = [self.rule(key) for _ in range(self.random.randrange(4))]
        spread = self.chance(0.3)
        gap = "\n" + " " * 14 if spread else " "
        comma = "," if items and self.chance(0.3) else ""
        parts = [item + ("," if index < len(items) - 1 else comma) for index, item in enumerate(items)]
        parts = [part + (self.comment() if spread else "") for part in parts]
        return "[" + (gap if spread else "") + gap.join(parts) + (gap if spread else "") + "]"

    def named_list(self, key: str) -> str:
        """A list behind its key, anchored or an alias now and then."""
        known = self.words.setdefault(key, [])
        if known and self.chance(0.25):
            return f"*{self.pick(known)} "
        name = f"l{self.anchor('list')}" if self.chance(0.25) and key != "sample" else ""
        if name:
            known.append(name)
        body = self.pick(["", "~"]) if self.chance(0.08) else self.list_in_line(key)
        return f"&{name} {body}" if name else body

    def some_lists(self, section: str) -> list[str]:
        return self.random.sample(LISTS[section], self.random.randrange(len(LISTS[section])))

    def section_in_line(self, section: str) -> str:
        known = self.words.setdefault(section, [])
        if known and self.chance(0.3):
            return f"*{self.pick(known)} "
        name = f"s{self.anchor('section')}" if self.chance(0.3) else ""
        pairs: list[tuple[str, Callable[[], str]]] = []
        pairs += [(key, partial(self.named_list, key)) for key in self.some_lists(section)]
        if known and self.chance(0.3):
            pairs.append(("<<", f"*{self.pick(known)} ".__str__))
        body = self.braces(pairs)
        if name:
            known.append(name)
        return f"&{name} {body}" if name else body

    def flow(self, key: str, depth: int) -> str:
        return self.section_in_line(key) if key in LISTS and depth == 1 else super().flow(key, depth)

    def block_pair(self, indent: int, head: str, key: str, nested: int = 0) -> None:
        if key not in LISTS or nested:
            return super().block_pair(indent, head, key, nested)
        if not head.strip():
            self.between(indent)
        self.in_block = False
        if self.chance(0.5):
            return self.add(f"{head}{key}: ", self.section_in_line(key) + self.comment())
        name = f"s{self.anchor('section')}" if self.chance(0.3) else ""
        lists = self.some_lists(key)
        self.lines.append(f"{head}{key}:{f' &{name}' if name and lists else ''}{self.comment()}")
        for each in lists:
            self.block_list(indent + 2, each)
        if name and lists:
            self.words.setdefault(key, []).append(name)
        return None

    def block_list(self, indent: int, key: str) -> None:
        self.between(indent)
        pad = " " * indent
        if key == "sample" or self.chance(0.5):
            return self.add(f"{pad}{key}: ", self.named_list(key) + self.comment())
        self.lines.append(f"{pad}{key}:{self.comment()}")
        dash = pad + self.pick(["", "  "]) + "-" + self.pick([" ", " ", "   "])
        for _ in range(self.random.randrange(4)):
            if self.chance(0.4) and key == "tolerance":
                self.lines += [f"{dash}path: {self.path()}{self.comment()}", f"{' ' * len(dash)}abs: 1{self.comment()}"]
            else:
                self.lines.append(dash + self.rule(key) + self.comment())
            self.between(indent)
        return None

    def keys(self) -> list[str]:
        written = super().keys()
        return [key for key in written if key not in LISTS] + [section for section in SECTIONS if self.chance(0.5)]

    def section(self, key: str) -> None:
        anchor = self.new_map() if self.chance(0.6) else ""
        self.lines.append(f"{key}:{' &' + anchor if anchor else ''}")
        for child in self.random.sample(["group", "compare", "noise", "x"], self.random.randrange(1, 4)):
            self.block_pair(2, "  ", child)
        self.close_map(anchor)


GENERATED: Counter[str] = Counter()


def generate(random: Random) -> Sample:
    """A random document that PyYAML reads."""
    while True:
        sample = RuleWriter(random).document()
        try:
            document = meaning(sample.text)
        except (yaml.YAMLError, TypeError):
            GENERATED["unreadable"] += 1
            continue
        if isinstance(document, dict) and [route.get("name") for route in document["routes"]] == sample.names:
            GENERATED["good"] += 1
            return sample
        GENERATED["misread"] += 1


def effective(document: Any, route: Any, section: str) -> dict[str, Any]:
    """What a route says in a section, defaults applied list by list."""
    defaults = document.get("defaults")
    found: dict[str, Any] = {}
    for side in (defaults if isinstance(defaults, dict) else {}, route):
        if isinstance(side.get(section), dict):
            found |= side[section]
        elif side.get(section) is not None:
            found = {"": side[section]}
    return found


def check_meaning(before: str, after: str, name: str, rule: NewRule) -> None:
    """The one list of the one route has the rule behind all that it had; everything else means what it meant."""
    old, new = meaning(before), meaning(after)
    assert _without(new, rule.section) == _without(old, rule.section), "something else changed"
    item = {key: _written(word) for key, word in rule.members} if rule.members else _written(rule.word)
    for was, now in zip(old["routes"], new["routes"], strict=True):
        if not isinstance(was, dict):
            continue
        expected = effective(old, was, rule.section)
        if was.get("name") == name:
            expected = {**expected, rule.key: [*(expected.get(rule.key) or []), item]}
        assert effective(new, now, rule.section) == expected, "a section is not what it should be"


def _written(word: str) -> str:
    return word.replace("${", "$${")


def _without(document: Any, section: str) -> Any:
    routes = [
        {key: value for key, value in route.items() if key != section} if isinstance(route, dict) else route
        for route in document["routes"]
    ]
    return {**document, "routes": routes}


def check_lines(before: str, after: str) -> None:
    """No comment and no blank line comes, goes or changes its order, and most lines are the same bytes."""
    comments = [re.findall(r"#c\d+c[^\r\n]*", text) for text in (before, after)]
    assert comments[0] == comments[1], "a comment was lost or moved"
    old, new = split_lines(before), split_lines(after)
    assert sum(not line.strip() for line in old) == sum(not line.strip() for line in new), "a blank line came or went"
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("replace", "delete"):
            assert end - start <= new_end - new_start, f"lines are gone: {old[start:end]}"


def refused(text: str, name: str, rule: NewRule) -> tuple[str | None, str]:
    """The text with the rule, or why not, in one line; any other exception is a bug."""
    try:
        return add_rule(text, name, rule), ""
    except (EditError, DocumentError) as error:
        message = str(error)
    assert message
    assert message.isprintable()
    return None, message


def check_sample(random: Random) -> str:
    """One random document and its laws. Gives why it was refused, "" if it was not."""
    sample = generate(random)
    name, rule = random.choice(sample.names), random.choice(NEW)
    result, message = refused(sample.text, name, rule)
    if result is None:
        return message
    check_meaning(sample.text, result, name, rule)
    check_lines(sample.text, result)
    again, why = refused(result, name, rule)
    assert again is None
    assert "already" in why or "another" in why, why
    return ""


def check_mutation(random: Random) -> bool:
    """Any text gets the rule rightly, or is refused. True if it got it."""
    sample = generate(random)
    name, rule = random.choice(sample.names), random.choice(NEW)
    text = mutate(random, sample.text)
    result, _ = refused(text, name, rule)
    if result is not None and is_unambiguous(text):
        check_meaning(text, result, name, rule)
    return result is not None


def main(count: int, seed: int) -> None:
    counted: Counter[str] = Counter()
    for number in range(seed, seed + count):
        try:
            why = check_sample(Random(number))
            counted[re.sub(r"\d+|'[^']*'|\{.*\}|\$\S+", "…", why) or "added"] += 1
            counted["mutations"] += check_mutation(Random(number))
        except BaseException:
            print(f"seed {number}")
            raise
    print(f"{count} documents and a mutation of each, from seed {seed}; {dict(counted)}; generated: {dict(GENERATED)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
