"""One feed as it stands in a live database: everything that its triggers are written from. Pure values; `catalog` finds them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from reconcile.capturing.feed import Feed

PREFIX = "strangler_"
HEARTBEAT_FEED = Feed("strangler_heartbeat", ("name",))


@dataclass(frozen=True, slots=True)
class Captured:
    """A feed and what there is to know about its table.

    Attributes:
        types: the live type of each column of the key, in lower case and without a length.
        generation: the triggers obey only a pause of their own generation.
        relation, home: PostgreSQL: the table, and the schema of our own tables, quoted.
        by_row: PostgreSQL: rows may come in through another table (a partition's parent, a subscription), which only triggers
            for each row see.
        uniques: SQLite: what else is unique than the key; REPLACE deletes rows by it without a trigger of theirs.
        image: all columns and their types, in the same spelling, if the feed keeps images.
        replacing: SQLite: what is unique among all rows, the key too, if the feed keeps images.
        blind: what no trigger will see, in words.
    """

    feed: Feed
    types: tuple[str, ...]
    generation: int = 0
    relation: str = ""
    home: str = ""
    by_row: bool = False
    uniques: tuple[tuple[str, ...], ...] = ()
    image: tuple[tuple[str, str], ...] = ()
    replacing: tuple[tuple[str, ...], ...] = ()
    blind: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        return stem(self.feed.name)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger to be made. `body` is what the catalog gives back of it."""

    name: str
    body: str
    create: tuple[str, ...]


def stem(feed_name: str) -> str:
    """What the names of a feed's triggers start with: short enough for every database, whatever the table is called."""
    return f"{PREFIX}{sha256(feed_name.encode()).hexdigest()[:12]}"


def literal(text: str) -> str:
    """An SQL string. MariaDB takes backslashes for escapes, see `mariadb`."""
    return "'" + text.replace("'", "''") + "'"
