"""What runs by itself: the relay, and jobs on a schedule, one process of many at a time."""
