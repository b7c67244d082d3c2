"""Northwind as an old side that nobody here designed: its schema, rows of its shapes, a new side, a writer and drift.

STRANGLER_TEST_NORTHWIND names the sample database's file (jpwhite3/northwind-SQLite3, MIT licence), where it is at hand; the
tests then run on a copy of it rather than on rows that are made here.
"""
