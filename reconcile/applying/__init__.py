"""The one way rows are written: under locks, from what the source says now, within the budget of deletes."""
