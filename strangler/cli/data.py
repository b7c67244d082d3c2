"""`strangler data`: the commands of `reconcile`, mounted."""

from reconcile.cli import data as command

__all__ = ["command"]
