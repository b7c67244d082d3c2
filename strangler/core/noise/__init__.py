"""Noise: what differs from itself when the same control is asked twice. Seen, counted, and proposed; a person accepts."""

from strangler.core.noise.shape import KINDS, has_shape

__all__ = ["KINDS", "has_shape"]
