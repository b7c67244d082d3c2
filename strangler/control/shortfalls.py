"""What a configuration asks for that this version reads but does not do: said at start, never passed over in silence.

An entry goes when the feature comes; when the table is empty this file goes too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strangler.core.errors import UsageError
from strangler.core.model import Config, Route


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A setting this version does not act on. `refused`: serving without it would be wrong, not only less."""

    says: str
    asked: Callable[[Config], bool]
    refused: bool = False


def _any_route(asked: Callable[[Route], bool]) -> Callable[[Config], bool]:
    return lambda config: any(asked(route) for route in config.routes)


SHORTFALLS: tuple[Shortfall, ...] = (
    Shortfall(
        "listen.engine: only native is there", lambda config: any(listener.engine != "native" for listener in config.listen), True
    ),
)


def shortfalls(config: Config) -> list[str]:
    """What this version will not do of what `config` asks for.

    Raises UsageError if it asks for something without which serving would be wrong.
    """
    found = [shortfall for shortfall in SHORTFALLS if shortfall.asked(config)]
    refused = [shortfall.says for shortfall in found if shortfall.refused]
    if refused:
        raise UsageError(
            f"not in this version yet: {'; '.join(refused)}. Take it out of the file, or wait for the version that has it"
        )
    return [shortfall.says for shortfall in found]
