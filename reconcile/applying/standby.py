"""Whether what is read is the database that applications write. A replica that lags, or has stopped, looks like rows that
have gone.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

_QUESTIONS: Mapping[str, str] = {
    "postgresql": "SELECT pg_is_in_recovery()",
    "mariadb": "SELECT @@global.read_only",
}
_NO = (False, 0, "0", "OFF", None)


def is_standby(connection: Connection, dialect: str) -> bool:
    """Whether the server says that it only follows another one, or takes no writes."""
    question = _QUESTIONS.get(dialect)
    return question is not None and connection.execute(text(question)).scalar_one() not in _NO
