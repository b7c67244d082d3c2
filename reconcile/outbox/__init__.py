"""The outbox: events that an application writes in its own transactions, delivered to every sink, in order per key."""

from reconcile.outbox.publisher import Outbox, publish, publish_async

__all__ = ["Outbox", "publish", "publish_async"]
