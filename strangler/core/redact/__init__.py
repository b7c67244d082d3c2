"""Redaction: what is secret in an exchange, and the tokens that stand for it in everything that is kept."""

from strangler.core.redact.redactor import Redactor
from strangler.core.redact.sheet import Rendered

__all__ = ["Redactor", "Rendered"]
