"""The outbox: events that an application writes in its own transactions, delivered to every sink, in order per key."""
