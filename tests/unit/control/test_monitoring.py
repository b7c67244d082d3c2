"""Alert rules and dashboard name what there is: metrics by the table they are made from, labels by README's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import strangler.control
from strangler.control.metrics import FAMILIES

FOLDER = Path(strangler.control.__file__).parent / "monitoring"
RULES = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"] for rule in group["rules"]
]  # fmt: skip
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
KINDS = {f"strangler_{name}": kind for name, kind, _ in FAMILIES}
README = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
EVERYWHERE = {"instance", "job", "le"}
KEYWORDS = {"sum", "min", "max", "by", "rate", "increase", "histogram_quantile", "or", "vector", "up", "label_values", "and"}


def queries() -> Iterator[tuple[str, str]]:
    """Every expression, by where it stands."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


QUERIES = list(queries())
IDS = [f"{number} {where}" for number, (where, _) in enumerate(QUERIES)]


def labels_in_readme() -> dict[str, set[str]]:
    table = README[README.index("| metric, each with") :].partition("\n\n")[0]
    found: dict[str, set[str]] = {}
    for row in table.splitlines()[2:]:
        metrics, labels = row.strip("|").split("|")
        for name in re.findall(r"`(\w+)`", metrics):
            found[f"strangler_{name}"] = set(re.findall(r"\w+", labels))
    return found


LABELS = labels_in_readme()


def metrics_in(query: str) -> list[str]:
    return re.findall(r"strangler_\w+", re.sub(r'"[^"]*"', '""', query))


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=IDS)
def test_every_metric_exists_and_is_asked_as_what_it_is(where: str, query: str) -> None:
    for name in metrics_in(query):
        base = re.sub(r"_(bucket|sum|count)$", "", name) if name not in KINDS else name
        assert base in KINDS, name
        assert (KINDS[base] == "histogram") == (name != base), name
        counted = re.search(rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[\d+[mh]\]\)", query) is not None
        assert counted == (KINDS[base] != "gauge"), f"{where}: {name} is a {KINDS[base]}"


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=IDS)
def test_every_label_exists(where: str, query: str) -> None:
    for name, matchers in re.findall(r"(strangler_\w+)\{(.*?)\}", query):
        base = re.sub(r"_bucket$", "", name)
        assert set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers)) <= LABELS[base] | EVERYWHERE, where
    known = set.union(EVERYWHERE, *(LABELS.get(re.sub(r"_bucket$", "", name), set()) for name in metrics_in(query)))
    for grouped in re.findall(r"by \((.*?)\)", query):
        assert set(re.findall(r"\w+", grouped)) <= known, where


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=IDS)
def test_every_expression_is_whole(where: str, query: str) -> None:
    bare = re.sub(r'"[^"]*"', "", query)
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing), where
    outside = re.sub(r"\{.*?\}|\[\w+\]|by \(.*?\)", "", bare)
    words = set(re.findall(r"[a-z_]\w*", outside)) - set(metrics_in(query))
    assert words <= KEYWORDS | LABELS.keys() | {"instance", "route"}, f"{where}: {words - KEYWORDS}"


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, object]) -> None:
    annotations, labels = rule["annotations"], rule["labels"]
    assert isinstance(annotations, dict)
    assert isinstance(labels, dict)
    assert annotations["summary"]
    assert annotations["description"]
    assert labels["severity"] in ("page", "ticket")
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(annotations.values())))
    expression = str(rule["expr"])
    known = EVERYWHERE.union(*(LABELS[name] for name in metrics_in(expression)))
    grouped = re.findall(r"by \((.*?)\)", expression)
    kept = set(re.findall(r"\w+", grouped[0])) if grouped else known
    assert named <= kept, rule["alert"]


def test_names_are_given_once() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_panels_lie_side_by_side_and_nowhere_twice() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        mine = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not taken & mine, panel["title"]
        taken |= mine


def test_what_must_not_be_missed_is_an_alert() -> None:
    asked = {name for _, query in QUERIES[: len(RULES)] for name in metrics_in(query)}
    assert {
        "strangler_route_rollback_wanted",
        "strangler_route_held",
        "strangler_config_last_reload_successful",
        "strangler_workers_ready",
        "strangler_upstream_healthy",
    } <= asked
