"""Seeded traffic: people who use the shop, the same ones in the same order for the same seed."""

from sample_legacy.traffic.drive import Result, Summary, Unreachable, drive
from sample_legacy.traffic.people import Action, Person

__all__ = ["Action", "Person", "Result", "Summary", "Unreachable", "drive"]
