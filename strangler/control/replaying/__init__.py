"""Replaying a recording against one live system, or two: sends, compares by the routes' own rules, and accounts for all of it."""
