"""A record shop in PostgreSQL, and the one that takes its place in MariaDB: UUIDs, JSON, enumerations, times with their zone,
references to oneself, many to many.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine

OLD = (
    "CREATE TYPE genre AS ENUM ('rock', 'jazz', 'hip hop', 'Röyksopp')",
    "CREATE TABLE artist (artist_id uuid PRIMARY KEY, name varchar(120) NOT NULL, tags text[], profile jsonb)",
    """CREATE TABLE album (
        album_id uuid PRIMARY KEY, artist_id uuid NOT NULL REFERENCES artist ON DELETE CASCADE ON UPDATE CASCADE,
        title text NOT NULL, released date, credits jsonb NOT NULL DEFAULT '{}')""",
    """CREATE TABLE track (
        track_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, album_id uuid REFERENCES album ON DELETE CASCADE,
        title text NOT NULL, genre genre NOT NULL, length interval NOT NULL, price numeric(6,2) NOT NULL, sample bytea,
        explicit boolean NOT NULL DEFAULT false, gain double precision)""",
    "CREATE TABLE playlist (playlist_id uuid PRIMARY KEY, name text NOT NULL UNIQUE)",
    """CREATE TABLE playlist_track (
        playlist_id uuid REFERENCES playlist ON DELETE CASCADE, track_id bigint REFERENCES track ON DELETE CASCADE,
        added timestamptz NOT NULL, PRIMARY KEY (playlist_id, track_id))""",
    """CREATE TABLE employee (
        employee_id int PRIMARY KEY, name text NOT NULL, reports_to int REFERENCES employee, starts time NOT NULL,
        salary numeric NOT NULL)""",
    """CREATE TABLE invoice (
        number char(8) PRIMARY KEY, customer jsonb NOT NULL, issued timestamp with time zone NOT NULL, seller int NOT NULL
        REFERENCES employee, total numeric(10,2) NOT NULL, paid boolean)""",
)

NEW = (
    "CREATE TABLE performers (id uuid PRIMARY KEY, name varchar(120) NOT NULL, labels text, about json)",
    """CREATE TABLE releases (
        id uuid PRIMARY KEY, performer_id uuid NOT NULL REFERENCES performers (id), title text NOT NULL, released_on date,
        year smallint, credits json NOT NULL)""",
    """CREATE TABLE songs (
        id bigint PRIMARY KEY, release_id uuid REFERENCES releases (id), title text NOT NULL,
        style enum('rock', 'jazz', 'hip hop', 'electronic') NOT NULL, seconds int NOT NULL, price_cents int NOT NULL,
        sample mediumblob, explicit boolean NOT NULL, gain double)""",
    "CREATE TABLE lists (id char(36) CHARACTER SET ascii PRIMARY KEY, name varchar(200) NOT NULL UNIQUE)",
    """CREATE TABLE list_songs (
        list_id char(36) CHARACTER SET ascii REFERENCES lists (id), song_id bigint REFERENCES songs (id),
        added_at datetime(6) NOT NULL, PRIMARY KEY (list_id, song_id))""",
    """CREATE TABLE staff (
        id int PRIMARY KEY, name varchar(100) NOT NULL, manager_id int REFERENCES staff (id), starts_at time NOT NULL,
        salary decimal(20,6) NOT NULL)""",
    """CREATE TABLE bills (
        number char(8) PRIMARY KEY, customer json NOT NULL, email varchar(200), issued_at timestamp(6) NOT NULL DEFAULT 0,
        seller_id int NOT NULL REFERENCES staff (id), total decimal(10,2) NOT NULL,
        paid enum('yes', 'no', 'unknown') NOT NULL)""",
)

MAPPINGS = """
version: 1
databases: { shop: "${SHOP}", store: "${STORE}" }
mappings:
  - name: performers
    from: { database: shop, table: artist, key: artist_id }
    to: { database: store, table: performers, key: id }
    columns: { id: artist_id, name: name, labels: { sql: "array_to_string(tags, ',')" }, about: profile }
  - name: releases
    from: { database: shop, table: album, key: album_id }
    to: { database: store, table: releases, key: id }
    columns:
      id: album_id
      performer_id: artist_id
      title: { column: title, convert: trim }
      released_on: released
      year: { sql: "extract(year FROM released)::int" }
      credits: credits
  - name: songs
    from: { database: shop, table: track, key: track_id }
    to: { database: store, table: songs, key: id }
    columns:
      id: track_id
      release_id: album_id
      title: title
      style: { column: genre, map: { rock: rock, jazz: jazz, hip hop: hip hop, Röyksopp: electronic } }
      seconds: { sql: "extract(epoch FROM length)::int" }
      price_cents: { column: price, convert: cents }
      sample: sample
      explicit: explicit
      gain: gain
  - name: lists
    from: { database: shop, table: playlist, key: playlist_id }
    to: { database: store, table: lists, key: id }
    columns: { id: playlist_id, name: name }
  - name: list_songs
    from: { database: shop, table: playlist_track, key: [playlist_id, track_id] }
    to: { database: store, table: list_songs, key: [list_id, song_id] }
    columns: { list_id: playlist_id, song_id: track_id, added_at: added }
  - name: staff
    from: { database: shop, table: employee, key: employee_id }
    to: { database: store, table: staff, key: id }
    columns: { id: employee_id, name: name, manager_id: reports_to, starts_at: starts, salary: salary }
  - name: bills
    from: { database: shop, table: invoice, key: number }
    to: { database: store, table: bills, key: number }
    columns:
      number: number
      customer: customer
      email: { sql: "lower(customer ->> 'email')" }
      issued_at: issued
      seller_id: seller
      total: total
      paid: { column: paid, map: { true: "yes", false: "no", null: unknown } }
"""

CHANGES = (
    "UPDATE artist SET artist_id = gen_random_uuid() WHERE name = 'Artist 3'",  # its albums follow
    "UPDATE artist SET profile = '{\"b\": 1.0, \"a\": [1, null, \"é\"]}', tags = '{}' WHERE name = 'Artist 4'",
    "DELETE FROM artist WHERE name = 'Artist 5'",  # its albums, their tracks, and those on playlists
    "UPDATE track SET genre = 'Röyksopp', price = price + 0.01, sample = NULL WHERE track_id % 7 = 0",
    "DELETE FROM playlist_track WHERE track_id % 5 = 0",
    "UPDATE playlist SET name = CASE name WHEN 'List 1' THEN 'List 2' ELSE 'List 1' END WHERE name IN ('List 1', 'List 2')",
    "UPDATE employee SET reports_to = 9 WHERE employee_id = 1",  # round and round
    "INSERT INTO employee VALUES (21, 'First', NULL, '00:00', 1), (22, 'Last', 21, '23:59:59.5', 0.000001)",
    "UPDATE invoice SET paid = NOT paid, issued = issued + interval '1 microsecond', customer = customer || '{\"vip\": true}'",
    "DELETE FROM invoice WHERE number LIKE '%5'",
)


def create(old: str, new: str) -> None:
    """Both schemas, and some rows on the old side."""
    run(old, *_deferred(OLD))
    run(new, *NEW)
    engine = create_engine(old)
    with engine.begin() as connection:
        for table, rows in _rows(Random(33)):
            marks = ", ".join(["%s"] * len(rows[0]))
            identity = " OVERRIDING SYSTEM VALUE" if table == "track" else ""
            connection.exec_driver_sql(f"INSERT INTO {table}{identity} VALUES ({marks})", [tuple(row) for row in rows])
    engine.dispose()


def run(url: str, *statements: str) -> None:
    """Statements, each in a transaction of its own."""
    engine = create_engine(url)
    for statement in statements:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    engine.dispose()


def _deferred(statements: Sequence[str]) -> Iterator[str]:
    """Unique names may change places in one statement."""
    for statement in statements:
        yield statement.replace("UNIQUE)", "UNIQUE DEFERRABLE)")


def _rows(random: Random) -> Iterator[tuple[str, list[Sequence[Any]]]]:
    artists, albums, lists = ([_uuid(random) for _ in range(count)] for count in (20, 60, 8))
    notes = {"é": [1, 2.50, None, True], "nested": {"z": "“”", "a": 12345678901234567890}}
    yield "artist", [(key, f"Artist {place}", ["a", "b c"][: place % 3], json.dumps(notes)) for place, key in enumerate(artists)]
    yield "album", [(key, random.choice(artists), f" Album {n} ", f"19{60 + n % 40}-02-28", "{}") for n, key in enumerate(albums)]
    yield "track", [_track(random, number, random.choice(albums)) for number in range(1, 301)]
    yield "playlist", [(key, f"List {place}") for place, key in enumerate(lists)]
    added = "2024-03-31 02:30:00.123456+02"
    yield "playlist_track", [(key, number, added) for key in lists for number in random.sample(range(1, 301), 30)]
    yield "employee", [(n, f"Nr. {n}", n - 1 or None, f"{n:02}:30", f"{n}000.123456") for n in range(1, 21)]
    customer = json.dumps({"email": "Zoë@Example.org", "ratio": 0.1, "big": 10**18})
    paid = (True, False, None)
    yield (
        "invoice",
        [(f"R-{n:04}", customer, "2024-10-27 01:30:00+00", 1 + n % 20, f"{n}.05", paid[n % 3]) for n in range(120)],
    )


def _track(random: Random, number: int, album: UUID) -> Sequence[Any]:
    genre = random.choice(("rock", "jazz", "hip hop", "Röyksopp"))
    length = f"{random.randrange(90, 600)} seconds"
    gain = random.choice((None, 0.1, -7.25, 1e-300, 12345678.9))
    return (
        *(number, album, f"Track № {number}", genre, length, f"{random.randrange(999) / 100:.2f}"),
        *(random.randbytes(40), number % 9 == 0, gain),
    )


def _uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)
