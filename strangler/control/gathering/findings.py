"""A finding as it travels from a comparator to control: one JSON object. It is redacted; bodies stay where they were."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from strangler.control.frames import Head
from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example, Stratum
from strangler.evidence.finding import Finding

_OWN_FINDING = ("stratum", "outcome", "causes", "ignored", "example")
_OWN_EXAMPLE = ("stratum", "outcome", "causes")
_PLAIN_FINDING = tuple(field.name for field in fields(Finding) if field.name not in _OWN_FINDING)
_PLAIN_EXAMPLE = tuple(field.name for field in fields(Example) if field.name not in _OWN_EXAMPLE)


def pack(finding: Finding) -> Head:
    """The JSON object of a finding."""
    head: Head = {name: getattr(finding, name) for name in _PLAIN_FINDING}
    head["noise"] = {pattern: dict(seen) for pattern, seen in finding.noise.items()}
    return {
        **head,
        "stratum": finding.stratum,
        "outcome": finding.outcome,
        "causes": finding.causes,
        "ignored": finding.ignored,
        "example": _pack_example(finding.example) if finding.example else None,
    }


def unpack(head: Head) -> Finding:
    """The finding of a JSON object. Raises KeyError, TypeError or ValueError if it is none."""
    return Finding(
        **{name: head[name] for name in _PLAIN_FINDING},
        stratum=Stratum(*head["stratum"]),
        outcome=Outcome(head["outcome"]) if head["outcome"] else None,
        causes=_causes(head["causes"]),
        ignored=tuple((text, number) for text, number in head["ignored"]),
        example=_example(head["example"]) if head["example"] else None,
    )


def _pack_example(example: Example) -> Head:
    head: Head = {name: getattr(example, name) for name in _PLAIN_EXAMPLE}
    return {**head, "stratum": example.stratum, "outcome": example.outcome, "causes": example.causes}


def _example(head: Head) -> Example:
    plain = {name: head[name] for name in _PLAIN_EXAMPLE}
    plain["differences"] = tuple(plain["differences"])
    return Example(**plain, stratum=Stratum(*head["stratum"]), outcome=Outcome(head["outcome"]), causes=_causes(head["causes"]))


def _causes(written: list[list[Any]]) -> tuple[Cause, ...]:
    return tuple(Cause(pattern, Kind(kind), transform) for pattern, kind, transform in written)
