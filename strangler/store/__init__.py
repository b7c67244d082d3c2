"""The store: evidence on disk, in SQLite or PostgreSQL. One process writes at a time, anybody reads."""
