"""`strangler outbox`: the commands of `reconcile`, mounted."""

from reconcile.cli.outbox import outbox as command

__all__ = ["command"]
