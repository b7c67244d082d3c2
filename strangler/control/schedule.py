"""What is done again and again, in threads of its own: the one place that knows the scheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler


class Schedule:
    """Jobs by name. Each runs once at a time; a turn that comes while the last one runs is left out."""

    def __init__(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # jobs say themselves what is wrong
        self._scheduler = BackgroundScheduler(timezone="UTC", daemon=True)
        self._every: dict[str, float] = {}

    def start(self) -> None:
        self._scheduler.start()

    def every(self, seconds: float, name: str, job: Callable[[], None]) -> None:
        """Do it every so many seconds, the first time when these are over; replaces what was said before under this name."""
        if self._every.get(name) == seconds:
            return
        self._every[name] = seconds
        options = {"id": name, "replace_existing": True, "coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler.add_job(job, "interval", seconds=seconds, **options)

    def never(self, name: str) -> None:
        """Do it no more."""
        self._every.pop(name, None)
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def stop(self) -> None:
        """Begin nothing new, and wait for what runs."""
        self._scheduler.shutdown(wait=True)
