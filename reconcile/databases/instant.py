"""The database's clock as text, for statements that are written without SQLAlchemy; `clock` has it for those with it."""

NOW = {  # microseconds since 1970-01-01 UTC, at this moment: not at the begin of the transaction, nor of the statement
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",  # exact to the millisecond
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    "mariadb": "CAST(unix_timestamp(sysdate(6)) * 1000000 AS signed)",
}
