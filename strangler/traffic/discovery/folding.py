"""From places to templates: which segments are parameters, what they are called, and what was seen of each template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strangler.core.template import Literal, Parameter, Part, Rest, Template, parse_template
from strangler.traffic.discovery.members import alike, tell
from strangler.traffic.discovery.segment import Shape, is_asset, is_hashed
from strangler.traffic.discovery.tally import Tally
from strangler.traffic.discovery.tree import Place, Values, fold_word, merge
from strangler.traffic.discovery.values import FEW_ALIKE, members_of, values_among
from strangler.traffic.openapi import Hole, Operation

_FEW_FILES = 3  # assets below one place, from which on they are one endpoint
_CONSTANT = 30  # requests, and
_CLIENTS = 5  # clients, for whom one small number is always the same
_FOREIGN = re.compile(r"\*+|[:<][A-Za-z_]\w*>?|.*[{}%].*", re.S)  # what a template cannot say, or says otherwise


@dataclass(frozen=True, slots=True)
class Folded:
    """A template and what was seen of it, by method."""

    template: Template
    tallies: dict[str, Tally]


@dataclass(frozen=True, slots=True)
class Ahead:
    """An operation of the document whose template fits so far, and the parts that are still to come."""

    parts: tuple[Part, ...]
    operation: Operation


def fold(root: Place, operations: Sequence[Operation] = ()) -> Iterator[Folded]:
    """All templates of a tree, which is used up by it. What a document says of parameters is taken from it."""
    yield from _fold(root, (), [Ahead(one.template.parts, one) for one in operations])


def _fold(place: Place, parts: tuple[Part, ...], ahead: list[Ahead]) -> Iterator[Folded]:
    if place.tallies:
        yield Folded(_template(parts), place.tallies)
    if parts and not ahead and _is_assets(place):
        yield Folded(_template((*parts, Rest("rest"))), _all_of(place))
        return
    _gather(place, parts, ahead)
    behind = _behind(ahead)
    for word, below in place.words.items():
        if not _FOREIGN.fullmatch(word) and word.isprintable():
            yield from _fold(below, (*parts, Literal(word)), behind.get(word, []))
    for extension, values in place.values.items():
        constant = _constant(values, extension, ahead)
        if constant:
            yield from _fold(values.place, (*parts, Literal(constant)), behind.get(constant, []))
        else:
            part, further = _parameter(parts, extension, values, ahead)
            yield from _fold(values.place, (*parts, part), further)


def _gather(place: Place, parts: tuple[Part, ...], ahead: list[Ahead]) -> None:
    """Make words that are values share one place."""
    kept = {part.text for one in ahead if isinstance(part := _next(one), Literal)}
    chosen = values_among(place.words, kept=kept, outermost=not parts)
    holes = {one.operation.holes[part.name] for one in ahead if isinstance(part := _next(one), Parameter) and not part.regex}
    left = [word for word in place.words if word and word not in kept and word not in chosen]
    holes = {hole for hole in holes if hole.values or not _stand_out(left, place)}
    chosen |= {word for word in left if _fills(word, place, holes)}
    for word in sorted(chosen):
        fold_word(place, word)


def _stand_out(words: Sequence[str], place: Place) -> bool:
    """Whether a few words stand beside numbers and the like: then they are no values, whatever the document would allow."""
    values = place.values.get("")
    return bool(values and len(words) < FEW_ALIKE and values.shapes.total() > values.shapes[Shape.WORD] * 2)


def _fills(word: str, place: Place, holes: set[Hole]) -> bool:
    """Whether a word is a value of a parameter that the document has here: one of those it lists, or any text that is answered
    as the others are."""
    if not any(hole.takes(word) for hole in holes):
        return False
    mine = members_of(place.words[word])
    others = [members_of(values.place) for values in place.values.values()]
    others += [members_of(other) for name, other in place.words.items() if name != word]
    known = [one for one in others if tell(one)]
    return not tell(mine) or not known or any(alike(mine, one) for one in known)


def _next(ahead: Ahead) -> Part | None:
    return ahead.parts[0] if ahead.parts else None


def _behind(ahead: list[Ahead]) -> dict[str, list[Ahead]]:
    """What is still to come behind each word of the document."""
    found: dict[str, list[Ahead]] = {}
    for one in ahead:
        if isinstance(part := _next(one), Literal):
            found.setdefault(part.text, []).append(Ahead(one.parts[1:], one.operation))
    return found


def _parameter(parts: tuple[Part, ...], extension: str, values: Values, ahead: list[Ahead]) -> tuple[Parameter, list[Ahead]]:
    """The parameter, called as in the document if that has it, and what is still to come behind it."""
    one = min(values.some, default="")
    fitting = [
        each for each in ahead if isinstance(part := _next(each), Parameter) and (part.fits(one) if part.regex else not extension)
    ]
    taken = {part.name for part in parts if not isinstance(part, Literal)}
    known = next((part for each in fitting if isinstance(part := _next(each), Parameter) and part.name not in taken), None)
    if known:
        return known, [Ahead(each.parts[1:], each.operation) for each in fitting]
    kind = "date" if values.shapes and values.shapes.most_common(1)[0][0] is Shape.DATE else "id"
    name = _unused(_called(parts, "file" if extension else kind), taken)
    return Parameter(name, rf".+\.{extension}" if extension else ""), []


def _called(parts: tuple[Part, ...], kind: str) -> str:
    """After the last word before it: the id behind ``orders`` is ``order_id``; a date is a date anywhere."""
    before = next((part.text for part in reversed(parts) if isinstance(part, Literal)), "")
    name = re.sub(r"[^A-Za-z0-9]+", "_", singular(before)).strip("_").lower()
    return f"{name}_{kind}" if name and name[0].isalpha() and kind != "date" else kind


def _unused(name: str, taken: set[str]) -> str:
    numbered = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in numbered if each not in taken)


def singular(word: str) -> str:
    """``orders`` is ``order``, ``categories`` is ``category``, ``boxes`` is ``box``; good enough for a name."""
    low = word.lower()
    if low.endswith("ies") and len(low) > 4:
        return word[:-3] + "y"
    if low.endswith(("sses", "xes", "shes", "ches")):
        return word[:-2]
    return word[:-1] if low.endswith("s") and not low.endswith(("ss", "us", "is")) and len(low) > 3 else word


def _constant(values: Values, extension: str, ahead: list[Ahead]) -> str:
    """The value of a parameter that has but one small number, whoever asks: it is no parameter, as in ``/api/2/``."""
    if len(values.some) != 1 or extension or any(isinstance(_next(one), Parameter) for one in ahead):
        return ""
    (value,) = values.some
    if not (value.isascii() and value.isdigit() and len(value) <= 3) or values.place.requests < _CONSTANT:
        return ""
    return value if len(_clients(values.place)) >= _CLIENTS else ""


def _clients(place: Place) -> set[str]:
    found = {client for tally in place.tallies.values() for client in tally.clients}
    return found.union(*map(_clients, place.below()))


def _is_assets(place: Place) -> bool:
    """Whether nothing but what browsers load along with pages is here and below, and enough of it to be one endpoint.

    Numbered pictures right here are values with an extension, which says more.
    """
    if place.tallies or not (place.words or place.values):
        return False
    files = list(place.ends())
    if not all(set(tallies) <= {"GET"} and is_asset(segments[-1]) for segments, tallies in files):
        return False
    names = [segments[-1] for segments, _ in files]
    deep = any(len(segments) > 1 for segments, _ in files)
    return any(map(is_hashed, names)) or (len(files) >= _FEW_FILES and (deep or bool(place.words)))


def _all_of(place: Place) -> dict[str, Tally]:
    whole = Place()
    for _, tallies in place.ends():
        merge(whole, Place(tallies=tallies))
    return whole.tallies


def _template(parts: Sequence[Part]) -> Template:
    return parse_template("".join(f"/{_written(part)}" for part in parts))


def _written(part: Part) -> str:
    if isinstance(part, Literal):
        return part.text
    if isinstance(part, Rest):
        return f"{{{part.name}...}}"
    return f"{{{part.name}:{part.regex}}}" if part.regex else f"{{{part.name}}}"
