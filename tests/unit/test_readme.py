"""What README says is executed or compared: the diagram, the YAML, the commands, their output and their options."""

import re
import shlex
import time
from pathlib import Path
from typing import Any

import click
import pytest

import reconcile
from reconcile.cli.main import data
from reconcile.cli.outbox import outbox
from reconcile.sinks.spec import KINDS
from strangler.cli.main import COMMANDS, cli
from strangler.config.load import read
from strangler.config.spec import FILE
from strangler.control.metrics import FAMILIES
from strangler.core.identity import LIFETIME, sign
from strangler.core.ladder import render_diagram
from strangler.core.spec.section import Either, ListOf, MapOf, Section

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
OUTBOXES = [text for language, text in BLOCKS if language == "yaml" and text.startswith("outbox:")]
YAML = [text for language, text in BLOCKS if language == "yaml" and "\ndatabases:" not in text and text not in OUTBOXES]
MAPPINGS = [text for language, text in BLOCKS if language == "yaml" and "\ndatabases:" in text]
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMAND_LINES = [
    line[2:] for language, text in BLOCKS if language == "console" for line in text.splitlines() if line.startswith("$ ")
]


def test_the_ladder_is_drawn_from_the_table() -> None:
    assert f"```text\n{render_diagram()}\n```" in README, f"README's ladder is stale; it should be\n{render_diagram()}"


@pytest.mark.parametrize("text", YAML, ids=range(len(YAML)))
def test_every_configuration_shown_is_sound(text: str) -> None:
    outcome = read(text.encode(), {}, ROOT)
    assert [problem for problem in outcome.problems if not problem.warning] == []


@pytest.mark.parametrize("text", MAPPINGS, ids=range(len(MAPPINGS)))
def test_every_mapping_shown_is_sound(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(text, encoding="utf-8")
    assert reconcile.load(file, {"DB_USER": "me", "DB_PASSWORD": "secret"}).names == ("customers", "order_totals")


@pytest.mark.parametrize("text", OUTBOXES, ids=range(len(OUTBOXES)))
def test_every_outbox_shown_is_sound(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mappings.yaml"
    file.write_text(f"version: 1\ndatabases: {{old: 'sqlite:///old.db'}}\nmappings: []\n{text}", encoding="utf-8")
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    assert reconcile.load(file, environ).outbox is not None


def test_every_kind_of_sink_is_shown_with_every_key() -> None:
    shown = next(text for text in OUTBOXES if "kafka:" in text)
    missing = [f"{kind}.{key}" for kind, section in KINDS.items() for key in section.fields if not re.search(rf"\b{key}:", shown)]
    assert missing == []
    assert [kind for kind in KINDS if not re.search(rf"\b{kind}:", shown)] == []


def test_every_command_of_the_data_side_is_shown() -> None:
    missing = [name for name in data.commands if not re.search(rf"strangler data {name}\b", README)]
    assert missing == []


def test_every_command_of_the_outbox_is_shown() -> None:
    assert [name for name in outbox.commands if not re.search(rf"strangler outbox {name}\b", README)] == []


def test_the_full_example_shows_every_key() -> None:
    full = max(YAML, key=len)
    missing = [path for path in keys(FILE) if not re.search(rf"\b{re.escape(path.rpartition('.')[2])}:", full)]
    assert missing == []


def keys(kind: object, path: str = "") -> list[str]:
    """Dotted paths of all keys below a kind."""
    if isinstance(kind, Either):
        return keys(kind.section, path)
    if isinstance(kind, ListOf | MapOf):
        return keys(kind.kind, path)
    if not isinstance(kind, Section):
        return []
    return [found for key, field in kind.fields.items() for found in (f"{path}.{key}", *keys(field.kind, f"{path}.{key}"))]


def test_every_metric_is_shown_and_every_one_shown_exists() -> None:
    table = README[README.index("| metric, each with") :].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) - {"strangler_"} == {name for name, _, _ in FAMILIES}


def test_every_command_is_shown() -> None:
    assert [name for name in COMMANDS if not re.search(rf"strangler {name}\b", README)] == []


@pytest.mark.parametrize("line", [line for line in COMMAND_LINES if re.search(r"(^|/)strangler ", line)])
def test_every_command_shown_exists_with_its_options(line: str) -> None:
    words = shlex.split(line.partition("#")[0])[1:]
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"no command {words[0]!r}"
        command, words = found, words[1:]
    options = {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}
    assert [word for word in words if word.startswith("-") and word not in options] == []


def test_the_check_of_an_identity_believes_the_proxy_and_nobody_else() -> None:
    (block,) = [text for text in PYTHON if "def user_of" in text]
    names: dict[str, Any] = {}
    exec(block, names)
    key, now = "k" * 32, time.time()

    def header(at: float = now, by: str = key, to: str = "modern") -> str:
        return sign(b'{"id":1}', key=by.encode(), audience=to, now=at).decode()

    user_of = names["user_of"]
    assert user_of(header(), key) == {"id": 1}
    refused = [
        header(now - LIFETIME - 1),
        header(now + 60),
        header(by="x" * 32),
        header(to="billing"),
        header()[:-2],
        header()[1:],
    ]
    refused += [header().replace("v1.", "v1.x"), "", "1", "v1..", "v1.e30.", "v1.é.é"]
    assert [user_of(each, key) for each in refused] == [None] * len(refused)
    assert len(block.splitlines()) < 20


def test_explain_prints_what_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "routes.yaml"
    config.write_text(next(text for text in YAML if "weight: 5%" in text), encoding="utf-8")
    shown = next(text for language, text in BLOCKS if language == "console" and "explain" in text)
    line, _, output = shown.partition("\n")
    cli.main([*shlex.split(line)[2:], "-c", str(config)], standalone_mode=False)
    assert capsys.readouterr().out == output


def test_init_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    shown = next(text for language, text in BLOCKS if language == "console" and "strangler init" in text)
    line, _, output = shown.partition("\n")
    cli.main(shlex.split(line)[2:], standalone_mode=False)
    assert capsys.readouterr().out == output


def test_check_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("routes.yaml").write_text(
        "version: 1\nupstreams:\n"
        '  legacy: {url: "http://h:1", timeouts: {connect: 2}}\n'
        '  modern: {url: "http://h:2"}\n'
        "routes:\n  - name: a\n    match: {path: /}\n    stage: canry\n",
        encoding="utf-8",
    )
    shown = [text for language, text in BLOCKS if language == "console" and "$ strangler check" in text][1]
    assert cli.main(["check"], standalone_mode=False) == 2
    captured = capsys.readouterr()
    assert [re.sub(r":\d+:\d+:", "", line) for line in (captured.out + captured.err).splitlines()] == [
        re.sub(r":\d+:\d+:", "", line) for line in shown.splitlines()[1:]
    ]
