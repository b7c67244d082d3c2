"""The planted differences: which there are, and which are switched on."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry of planted.yaml, where the fields are explained."""

    id: str
    method: str
    path: str
    kind: str
    where: tuple[str, ...]
    what: str
    how_often: str = "always"
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planted:
    """The differences that are switched on; called with an id, it tells about that one."""

    chosen: frozenset[str]

    def __call__(self, id: str) -> bool:
        if id not in known():
            raise KeyError(f"{id} is not in planted.yaml")
        return id in self.chosen


@lru_cache(maxsize=1)
def known() -> dict[str, Difference]:
    """Every planted difference by its id."""
    entries: list[dict[str, Any]] = yaml.safe_load(files(__package__).joinpath("planted.yaml").read_text("utf-8"))
    differences = (
        Difference(**entry | {"where": tuple(entry["where"]), "also": tuple(entry.get("also", ()))}) for entry in entries
    )
    return {difference.id: difference for difference in differences}


def choose(words: str) -> Planted:
    """``all``, ``none``, or ids with commas between them."""
    named = {"all": frozenset(known()), "none": frozenset[str]()}
    chosen = named[words] if words in named else frozenset(word.strip() for word in words.split(","))
    if unknown := sorted(chosen - known().keys()):
        raise ValueError(f"no such planted difference: {', '.join(unknown)}; there are {', '.join(known())}")
    return Planted(chosen)
