"""Asking a recording again: which of its requests, when, and in the words of a system that never gave out its ids and cookies.

Pure: who sends and compares is `strangler.control.replaying`.
"""
