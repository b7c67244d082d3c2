"""Both sides of a mapping compared: digests, narrowing, verdicts. Nothing here writes to either side."""
