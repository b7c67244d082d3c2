"""A written routes.yaml as editors see it: the routes by name, who merges what, and where every alias stands.

Knows where things are in the file and what they mean, not what is to be changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NoReturn

from strangler.config.document import parse
from strangler.config.meaning import Meaning, is_merge
from strangler.core.errors import UsageError
from strangler.core.spec.node import Map, Mark, Node, Pair, Scalar, Sequence
from strangler.core.spec.reader import nearest


class EditError(UsageError):
    """The file cannot be edited in place as it is written. `line` counts from 1; 0 if no line is to blame."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(f"line {line}: {message}" if line else message)


class Document:
    """A parsed file whose routes can be found by name. `again` is what people are told to do once they have changed it."""

    def __init__(self, text: str, meaning: Meaning, *, again: str) -> None:
        root = parse(text)
        self.text, self.meaning, self.again = text, meaning, again
        self.root = root if isinstance(root, Map) else _no_routes(root)
        meaning.of(self.root)
        self.routes = self._routes()
        self.items = self.routes.items
        self.names: dict[str, list[int]] = {}
        for index, item in enumerate(self.items):
            self.names.setdefault(self._name(item), []).append(index)
        defaults = meaning.values(self.root).get("defaults")
        self.defaults = meaning.values(defaults) if isinstance(defaults, Map) else {}

    def _routes(self) -> Sequence:
        pairs = [pair for pair in self.root.pairs if pair.key.text == "routes"]
        if len(pairs) != 1 or pairs[0].alias or not isinstance(pairs[0].value, Sequence):
            return _no_routes(pairs[-1].value if pairs else self.root)
        return pairs[0].value

    def _name(self, item: Node) -> str:
        name = self.meaning.values(item).get("name") if isinstance(item, Map) else None
        return name.text if isinstance(name, Scalar) else ""

    def route(self, name: str) -> Map:
        """The one route of this name, written out in its place. Raises EditError if there is no such route."""
        found = self.names.get(name, ()) if name else ()
        if not found:
            known = [known for known in self.names if known and known.isprintable()]
            raise EditError(0, f"no route is named {name!r}{nearest(name, known)}")
        for index in found:
            if index in self.routes.aliases:
                raise EditError(self._line(index), f"route {name!r} is an alias: write it out here, then {self.again}")
        if len(found) > 1:
            first, second = self._line(found[0]), self._line(found[1])
            raise EditError(second, f"route {name!r} stands twice, first on line {first}: give each its own name")
        route = self.items[found[0]]
        assert isinstance(route, Map)
        self._check_keys(route, name)
        return route

    def _line(self, index: int) -> int:
        start, _ = self.routes.aliases.get(index) or (self.items[index].start, None)
        return start.line + 1

    def rest(self, keys: Collection[str]) -> list[int]:
        """The meaning of everything but `keys` of the routes."""
        without, of = self.meaning.without, self.meaning.of
        routes = [without(item, keys) if isinstance(item, Map) else of(item) for item in self.items]
        return [without(self.root, ("routes",)), *routes]

    def _check_keys(self, route: Map, name: str) -> None:
        own: dict[str, Pair] = {}
        for pair in route.pairs:
            if own.setdefault(pair.key.text, pair) is not pair and not is_merge(pair):
                first = line_of(own[pair.key.text])
                message = f"{pair.key.text!r} of route {name!r} stands twice, first on line {first}: keep one"
                raise EditError(line_of(pair), message)
        if "name" not in own:
            line = route.start.line + 1
            raise EditError(line, f"route {name!r} has its name from a merge: write `name: {name}` here, then {self.again}")


def _no_routes(node: Node | None) -> NoReturn:
    raise EditError(node.start.line + 1 if node else 0, "the file has no `routes:` list of its own: write the routes there")


def line_of(pair: Pair) -> int:
    """Where the value of a pair stands, counted from 1."""
    start, _ = pair.alias or (pair.value.start, None)
    return start.line + 1


def own_pair(node: Map, key: str) -> Pair | None:
    """The pair that a mapping itself has for a key, not by merging."""
    return next((pair for pair in node.pairs if pair.key.text == key), None)


@dataclass(frozen=True, slots=True)
class Use:
    """One alias of a value: where it stands, and the pair whose value it is. No place is known for an alias as a key."""

    place: tuple[int, int] | None
    pair: Pair | None = None


@dataclass(slots=True)
class Survey:
    """Every mapping in the order in which they end (so what is merged comes before what merges it), and every alias."""

    maps: list[Map] = field(default_factory=list)
    uses: dict[int, list[Use]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def visit(self, node: Node) -> None:
        self._seen.add(id(node))
        if isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                self._value(item, node.aliases.get(index), None)
        elif isinstance(node, Map):
            for pair in node.pairs:
                self._key(pair)
                self._value(pair.value, pair.alias, pair)
            self.maps.append(node)

    def _key(self, pair: Pair) -> None:
        if id(pair.key) in self._seen:
            self.uses.setdefault(id(pair.key), []).append(Use(None))
        self._seen.add(id(pair.key))

    def _value(self, node: Node, alias: tuple[Mark, Mark] | None, pair: Pair | None) -> None:
        if alias:
            self.uses.setdefault(id(node), []).append(Use((alias[0].index, alias[1].index), pair))
        else:
            self.visit(node)
