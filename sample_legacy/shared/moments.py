"""Moments as the two databases and the API write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LOCAL_FORMAT = "%Y-%m-%d %H:%M:%S"
UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def now() -> datetime:
    """The clock of both applications, unless a test brings its own."""
    return datetime.now(UTC)


def local_text(moment: datetime) -> str:
    """As legacy stores it: the clock on the wall in Amsterdam."""
    return moment.astimezone(AMSTERDAM).strftime(LOCAL_FORMAT)


def utc_text(moment: datetime) -> str:
    """As modern stores it, and as the API says it."""
    return moment.astimezone(UTC).strftime(UTC_FORMAT)


def utc_to_local(text: str | None) -> str | None:
    """A moment of modern's on legacy's clock. What that clock shows twice cannot be told apart any more."""
    return None if text is None else local_text(datetime.strptime(text, UTC_FORMAT).replace(tzinfo=UTC))


def local_to_utc(text: str) -> str:
    """The hour that happens twice in October is taken as its first; one that never happens in March as winter time."""
    return utc_text(datetime.strptime(text, LOCAL_FORMAT).replace(tzinfo=AMSTERDAM, fold=0))
