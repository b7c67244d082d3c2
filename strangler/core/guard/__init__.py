"""What a flip needs to be allowed: evidence in, three-valued verdicts out. No clock, no store; counts and times are arguments."""
