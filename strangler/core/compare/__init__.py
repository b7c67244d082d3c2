"""Comparing two answers: a flat list of typed differences, and which of them a route's rules allow.

`rules.rules_for` makes a route's rules ready, once; `compare.compare` compares two views under them; `quick.same` is the
glance that a worker takes at raw bytes. What differs is found without rules; rules only say which of it does not count.
"""
