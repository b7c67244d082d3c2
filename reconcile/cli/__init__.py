"""The commands: parse, call, print. `strangler` mounts `data`; `python -m reconcile` is the same on its own."""

from __future__ import annotations

from reconcile.cli.main import data, main

__all__ = ["data", "main"]
