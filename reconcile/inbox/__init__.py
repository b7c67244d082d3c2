"""The inbox: an event's effect once, in the consumer's own transaction."""
