"""Drift taken back: planned first, applied only to rows that are still as they were witnessed, and undone if that was wrong."""
