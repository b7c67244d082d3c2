"""A route's rules, made ready once: what applies where in a document, and which headers count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, reduce

from strangler.core.compare.numeral import plain
from strangler.core.compare.patterns import Patterns, State
from strangler.core.jsonpath import Pattern
from strangler.core.model import Noisy, Route, Tolerance, Unordered


@dataclass(frozen=True, slots=True)
class Here:
    """What applies to one place. Rules have the text that a comparison names them by.

    Attributes:
        ignore: text of the rule by which nothing counts here or below, "" if there is none.
        anything: text of the rule by which any value, and what is in it, is as good as another of its type.
        unordered: rule for the list here, with its text.
        near: how far apart numbers (``abs``) and times (``seconds``) may be, with the rules' texts.
        noisy: known noise, with the rules' texts.
    """

    ignore: str = ""
    anything: str = ""
    unordered: tuple[Unordered, str] | None = None
    near: tuple[tuple[Tolerance, str], ...] = ()
    noisy: tuple[tuple[Noisy, str], ...] = ()


_Rule = tuple[Pattern, Callable[[Here], Here]]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the answers of a route are compared.

    Attributes:
        headers: names of those that count, in lower case.
        compared: the same as they are on the wire, and Content-Encoding: what makes equal bytes an equal answer.
        treat_equal: words from `config.spec.TREAT_EQUAL`.
        adapts: whether modern's answers are translated before they are compared.
    """

    root: State[Here]
    headers: tuple[str, ...] = ("content-type", "location")
    compared: frozenset[bytes] = frozenset({b"content-type", b"location", b"content-encoding"})
    treat_equal: frozenset[str] = frozenset()
    adapts: bool = False


def rules_for(route: Route) -> Rules:
    """Make a route's rules ready. Costs far more than a small comparison: do it once per table."""
    names = tuple(dict.fromkeys(name.lower() for name in route.compare.headers))
    return Rules(
        root=_root(route),
        headers=names,
        compared=frozenset(name.encode("latin-1") for name in (*names, "content-encoding")),
        treat_equal=frozenset(route.compare.treat_equal),
        adapts=bool(route.adapt.response.rename or route.adapt.response.python),
    )


def _root(route: Route) -> State[Here]:
    written = [
        *(_ignore(pattern) for pattern in route.compare.ignore),
        *(_unordered(rule) for rule in route.compare.unordered),
        *(_near(rule) for rule in route.compare.tolerance),
        *(_noisy(rule) for rule in route.noise.fields),
    ]

    @cache
    def here(matched: tuple[int, ...]) -> Here:
        return reduce(lambda sofar, index: written[index][1](sofar), matched, Here())

    return Patterns([pattern for pattern, _ in written], here).root


def _ignore(path: Pattern) -> _Rule:
    text = f"ignore {path}"
    return path, lambda here: replace(here, ignore=here.ignore or text)


def _unordered(rule: Unordered) -> _Rule:
    text = f"unordered {rule.path}" + (f" key {rule.key}" if rule.key else "")
    return rule.path, lambda here: replace(here, unordered=here.unordered or (rule, text))


def _near(rule: Tolerance) -> _Rule:
    told = (("abs", rule.abs), ("seconds", rule.seconds))
    text = f"tolerance {rule.path}" + "".join(f" {unit} {plain(str(far))}" for unit, far in told if far is not None)
    return rule.path, lambda here: replace(here, near=(*here.near, (rule, text)))


def _noisy(rule: Noisy) -> _Rule:
    text = f"noise {rule.path} {rule.kind}"
    if rule.kind == "value":
        return rule.path, lambda here: replace(here, anything=here.anything or text)
    return rule.path, lambda here: replace(here, noisy=(*here.noisy, (rule, text)))


NO_RULES = Rules(Patterns([], lambda _: Here()).root)
