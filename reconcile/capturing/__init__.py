"""Capture: triggers in the owner's database write the keys of changed rows to an outbox, in the writer's own transaction."""
