"""What operators do about dead letters from a page, of events and of keys: by the functions that the commands call.

Beside the cutover nothing else here knows reconcile, and it is loaded only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strangler.core.errors import UsageError
from strangler.core.model import Config

if TYPE_CHECKING:
    from reconcile.mapping.model import Plan


@dataclass(frozen=True, slots=True)
class LetGo:
    """A dead letter that is no more: its event's id or its key, why it was one, and how many go on that were held behind it."""

    name: str
    error: str
    held: int = 0


def retry_events(config: Config, environ: Mapping[str, str], sink: str, number: int | None) -> int:
    """Have a sink's dead letter tried again, or all of them; how many."""
    from reconcile.outbox import letters

    return letters.retry(_with_sink(config, environ, sink), sink, () if number is None else (number,))


def skip_event(config: Config, environ: Mapping[str, str], sink: str, number: int, reason: str, actor: str) -> LetGo:
    """Let an event go: its sink never gets it."""
    from reconcile.outbox import letters

    found = letters.skip(_with_sink(config, environ, sink), sink, number, reason, actor)
    return LetGo(found.id, found.error, found.held)


def retry_keys(config: Config, environ: Mapping[str, str], mapping: str, key: str) -> int:
    """Have a key that the relay has given up tried again, or with "" all of a mapping's; how many. It is as somebody types it."""
    from reconcile.relaying import dead

    plan = _with_mapping(config, environ, mapping)
    return dead.retry(plan, mapping, _parts(plan, mapping, key) if key else None)


def skip_key(config: Config, environ: Mapping[str, str], mapping: str, key: str, reason: str, actor: str) -> LetGo:
    """Let a key go: its row stays as it is, and is drift, until it changes again or is repaired."""
    from reconcile.relaying import dead

    plan = _with_mapping(config, environ, mapping)
    found = dead.skip(plan, mapping, _parts(plan, mapping, key), reason, actor)
    return LetGo(found.key, found.error)


def _parts(plan: Plan, mapping: str, key: str) -> tuple[str, ...]:
    from reconcile.mapping.canonical import key_as_typed

    return key_as_typed(key, len(plan.mapping(mapping).source.key))


def _with_sink(config: Config, environ: Mapping[str, str], name: str) -> Plan:
    """The one file whose outbox has this sink."""

    def has(plan: Plan) -> bool:
        return plan.outbox is not None and any(sink.name == name for sink in plan.outbox.sinks)

    return _only(config, environ, has, f"sink {name!r}")


def _with_mapping(config: Config, environ: Mapping[str, str], name: str) -> Plan:
    return _only(config, environ, lambda plan: name in plan.names, f"mapping {name!r}")


def _only(config: Config, environ: Mapping[str, str], has: Callable[[Plan], bool], what: str) -> Plan:
    found = [plan for plan in _plans(config, environ) if has(plan)]
    if not found:
        raise UsageError(f"none of the files under `mappings:` has a {what}")
    if len(found) > 1:
        raise UsageError(f"{' and '.join(plan.file for plan in found)} both have a {what}: use the command, which names the file")
    return found[0]


def _plans(config: Config, environ: Mapping[str, str]) -> Iterator[Plan]:
    import reconcile

    for file in config.mappings:
        yield reconcile.load(file, environ)
