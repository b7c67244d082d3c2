"""Traffic as material: recordings, what they tell of an application, and asking them again."""
