"""Causes: what mismatches share. A path pattern, what differs there, and the usual transform that explains it, in words."""

from strangler.core.causes.cause import causes_of, transform_of, words

__all__ = ["causes_of", "transform_of", "words"]
