"""What was done and found, as values, text and JSON."""
