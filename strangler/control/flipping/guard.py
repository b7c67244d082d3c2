"""The guard as a process without a store of its own asks it. It is imported when it is asked: most reloads move nothing up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.model import Config


def guard(config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
    """What the evidence says of flips that go up; a store that cannot be read is a verdict, too."""
    from strangler.control.evidence_for import judgements

    return judgements(config, flips)
