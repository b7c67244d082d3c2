"""Noise: what differs from itself when the same control is asked twice. Seen, counted, and proposed; a person accepts.

Shapes that accepted noise must keep are checked by `strangler.core.compare.shape`.
"""

from strangler.core.noise.learn import Field, Proposal, observe, propose

__all__ = ["Field", "Proposal", "observe", "propose"]
