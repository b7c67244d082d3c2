"""XML and HTML as comparing walks them: which text counts, and what the steps to a child are called.

`$.order.item[1]['@sku']` is an attribute, `$.order.item[1]['#text']` the text. A step has an index only where one of the two
answers has several children of that name; rules may give one, or ``[*]``, anyway. In XML, text of spaces alone beside elements
does not count, other text does as it is. In HTML, runs of spaces count as one, and those at the edges of a text do not,
except in elements that keep them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from strangler.core.compare.patterns import State
from strangler.core.compare.rules import Here
from strangler.core.document import Element

Node = Element | str
_SPACES = re.compile(r"[ \t\n\r\f]+")  # ASCII whitespace: a no-break space is text
_KEEPS_SPACES = {"pre", "textarea", "script", "style"}


def normal_xml(root: Element) -> Element:
    return _rebuilt(root, _xml_children)


def normal_html(root: Element) -> Element:
    return _rebuilt(root, _html_children)


def _xml_children(element: Element, children: list[Node]) -> list[Node]:
    if not any(isinstance(child, Element) for child in children):
        return children
    return [child for child in children if isinstance(child, Element) or child.strip(" \t\n\r")]


def _html_children(element: Element, children: list[Node]) -> list[Node]:
    if element.name in _KEEPS_SPACES:
        return children
    spaced = [child if isinstance(child, Element) else _SPACES.sub(" ", child).strip(" ") for child in children]
    return [child for child in spaced if child]


def _rebuilt(root: Element, pick: Callable[[Element, list[Node]], list[Node]]) -> Element:
    """The same tree with other children, from the leaves up; a path of open elements stands in for recursion."""
    open_: list[tuple[Element, list[Node]]] = [(root, [])]
    while True:
        element, done = open_[-1]
        if len(done) < len(element.children):
            child = element.children[len(done)]
            if isinstance(child, Element):
                open_.append((child, []))
            else:
                done.append(child)
            continue
        open_.pop()
        rebuilt = Element(element.name, element.attributes, tuple(pick(element, done)))
        if not open_:
            return rebuilt
        open_[-1][1].append(rebuilt)


def label(node: Node) -> str:
    """What the step to a child is called."""
    return node.name if isinstance(node, Element) else "#text"


def ordinals(children: tuple[Node, ...]) -> tuple[list[int], Counter[str]]:
    """For every child, how many of its name are before it; and how many of a name there are."""
    counts: Counter[str] = Counter()
    places = []
    for child in children:
        places.append(counts[label(child)])
        counts[label(child)] += 1
    return places, counts


def child_states(children: tuple[Node, ...], state: State[Here]) -> list[State[Here]]:
    """The place of every child: rules may name it with its index and without."""
    named = [state.step(label(child)) for child in children]
    if not state.live:
        return named
    return [place.also(place.step(at)) for place, at in zip(named, ordinals(children)[0], strict=True)]


def outline(node: Node, limit: int = 1000) -> str:
    """An element as text, cut off: what is shown of one that only one side has. No markup to be parsed again."""
    if isinstance(node, str):
        return node
    pieces: list[str] = []
    todo: list[Node] = [node]
    while todo and len(pieces) < limit:
        found = todo.pop()
        if isinstance(found, str):
            pieces.append(found)
            continue
        attributes = "".join(f' {name}="{value}"' for name, value in found.attributes.items())
        pieces.append(f"<{found.name}{attributes}>")
        todo += reversed(found.children)
    return "".join(pieces)[:limit]
