"""A strict reader of the Prometheus text format 0.0.4: what it does not know is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}

Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    kind: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)


def parse(text: str) -> dict[str, Family]:
    """Families by name. Raises AssertionError for anything a scraper might stumble over."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    name = ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in families
            assert len(line.split(" ", 3)) == 4
        elif line.startswith("# TYPE "):
            _, _, typed, kind = line.split(" ")
            assert typed == name
            families[name] = Family(kind)
        else:
            _add(families[name], name, line)
    for family in families.values():
        _check_histogram(family)
    return families


def _add(family: Family, name: str, line: str) -> None:
    match = _SAMPLE.fullmatch(line)
    assert match, line
    suffix = match[1].removeprefix(name)
    assert suffix in _SUFFIXES[family.kind], line
    labels = tuple((key, unescape(value)) for key, value in _LABEL.findall(match[2] or ""))
    written = ",".join(whole.group(0) for whole in _LABEL.finditer(match[2] or ""))
    assert written == (match[2] or ""), line
    assert (suffix, labels) not in family.samples, line
    family.samples[suffix, labels] = float(match[3])


def _check_histogram(family: Family) -> None:
    if family.kind != "histogram":
        return
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (suffix, labels), value in family.samples.items():
        if suffix == "_bucket":
            bound = dict(labels)["le"]
            rest = tuple(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((float(bound), value))
    for labels, buckets in series.items():
        assert buckets == sorted(buckets), "bounds and counts grow"
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[-1][0] == float("inf")
        assert buckets[-1][1] == family.samples["_count", labels]


def unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], value)


def total(families: dict[str, Family], name: str, /, **labels: str) -> float:
    """The sum of the samples of a family that carry these labels."""
    return sum(
        value
        for (suffix, found), value in families[name].samples.items()
        if suffix in ("", "_count") and labels.items() <= dict(found).items()
    )
