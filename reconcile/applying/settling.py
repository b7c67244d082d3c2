"""Writing a batch so that a row which the target does not take keeps none of the others from being written.

All at once first; on an error by halves, down to the row. What was held back is tried again for as long as that helps: its
parent, or the row that frees its value, may have come later in the same batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from reconcile.applying.change import Change, Verb
from reconcile.applying.trouble import Held, Trouble, held
from reconcile.applying.writing import write
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair


class Outside(Exception):
    """Rows were written that `where` does not cover."""

    def __init__(self, keys: frozenset[Key]) -> None:
        self.keys = keys


def settle(pair: Pair, connection: Connection, changes: Sequence[Change]) -> dict[Key, Held]:
    """Write what can be written; what cannot is returned with the reason. Raises what is not about a row."""
    found = _by_halves(pair, connection, changes)
    tried = len(changes)
    while found and len(found) < tried:
        waiting = [change for change in changes if change.key in found and found[change.key].trouble is not Trouble.ITSELF]
        tried = len(found)
        ours = {change.key for change in waiting}
        again = _by_halves(pair, connection, waiting)
        found = {key: why for key, why in found.items() if key not in ours} | again
    return found


def attempt(pair: Pair, connection: Connection, changes: Sequence[Change]) -> None:
    """Write all of these or none. Raises DBAPIError or Outside."""
    with connection.begin_nested():
        write(pair, connection, changes)
        strays = _strays(pair, connection, changes)
        if strays:
            raise Outside(strays)


def _by_halves(pair: Pair, connection: Connection, changes: Sequence[Change]) -> dict[Key, Held]:
    if not changes:
        return {}
    try:
        attempt(pair, connection, changes)
    except Outside as error:
        inside = [change for change in changes if change.key not in error.keys]
        return dict.fromkeys(error.keys, outside(pair)) | _by_halves(pair, connection, inside)
    except DBAPIError as error:
        why = held(error)
        if why is None or error.connection_invalidated:
            raise
        if len(changes) == 1:
            return {changes[0].key: why}
    else:
        return {}
    middle = len(changes) // 2
    return _by_halves(pair, connection, changes[:middle]) | _by_halves(pair, connection, changes[middle:])


def _strays(pair: Pair, connection: Connection, changes: Sequence[Change]) -> frozenset[Key]:
    """A row outside `to.where` would never be compared, updated or deleted again."""
    keys = sorted(change.key for change in changes if change.verb is not Verb.DELETE)
    if pair.target.scope is None or not keys:
        return frozenset()
    return frozenset(keys) - {key for key, _ in pair.target.rows(connection, keys)}


def outside(pair: Pair) -> Held:
    """Why such a row is not written, and what to do."""
    where, home = pair.mapping.target.where, pair.back is not None
    part, columns = ("from.where", "`back.columns` or `back.defaults`") if home else ("to.where", "`columns`")
    return Held(Trouble.ITSELF, f"would fall outside `{part}` ({where}): let {columns} set what it asks for", refused=True)
