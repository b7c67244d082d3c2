"""Strangler: replace a legacy application one endpoint and one table at a time, with proof at every step."""

__version__ = "0.1.0"
