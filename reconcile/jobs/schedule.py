"""When a job is due: cron lines as cron reads them, in UTC, so that no clock change skips or doubles a night.

Whether a turn is due is told from when the job last began, not from a timer: what was missed while nothing ran is made up
for once, and of several processes only the first one that asks gets a turn.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from strangler.core.errors import UsageError

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # cron counts from Sunday, and knows it as 7 too


class Cron:
    """One line of five fields: minute, hour, day of month, month, day of week. Raises UsageError if it can never be due."""

    def __init__(self, line: str) -> None:
        self.line = line
        try:
            self._trigger = _trigger(*line.split())
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"schedule: {line!r} is not a cron line ({error}): write five fields such as 0 3 * * *") from None
        if self._trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise UsageError(f"schedule: {line!r} is never due: there is no such day")

    def after(self, moment: float) -> float:
        """The first turn after a moment. Both in seconds since 1970."""
        start = datetime.fromtimestamp(moment, UTC).replace(microsecond=0) + timedelta(seconds=1)
        found = self._trigger.get_next_fire_time(None, start)
        return float(found.timestamp()) if found else float("inf")

    def is_due(self, began: float, now: float) -> bool:
        """Whether a turn has come since the job last began."""
        return self.after(began) <= now


def _trigger(minute: str, hour: str, day: str, month: str, weekday: str) -> BaseTrigger:
    """Where both days are restricted, cron means either."""
    time = {"minute": minute, "hour": hour, "month": month, "timezone": UTC}
    if day == "*" or weekday == "*":
        return CronTrigger(day=day, day_of_week=_weekdays(weekday), **time)
    return OrTrigger([CronTrigger(day=day, **time), CronTrigger(day_of_week=_weekdays(weekday), **time)])


def _weekdays(field: str) -> str:
    """Names instead of numbers: the scheduler counts from Monday."""
    return ",".join(name for part in field.split(",") for name in _part(part))


def _part(part: str) -> list[str]:
    span, _, step = part.partition("/")
    if span == "*":
        return [part] if not step else [_DAYS[day] for day in range(0, 7, int(step))]
    first, _, last = span.lower().partition("-")
    low, high = _day(first), _day(last or ("sat" if step else first))
    if high < low and last in ("sun", "0"):
        high = 7  # up to and with Sunday
    if high < low:
        raise ValueError(f"{part} runs backwards")
    return [_DAYS[day] for day in range(low, high + 1, int(step or 1))]


def _day(word: str) -> int:
    if not word.isdigit():
        return _DAYS.index(word)
    if int(word) > 7:
        raise ValueError(f"there is no day {word} of the week")
    return int(word)
