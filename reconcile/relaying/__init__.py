"""From the outbox to the other side: changed keys are collected, claimed by lease, applied, and settled one way or another."""
