"""Who may ask: users of the configuration, or whoever holds the one token that stands in for all of them.

Tokens are random, 256 bits, so a plain SHA-256 of one says nothing about it and nobody can try them all; a slow hash would
only help guessable passwords, and would let anybody keep this process busy. Only hashes are in the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from strangler.core.model import User

VIEWER, OPERATOR = "viewer", "operator"
ADMIN = "admin"  # whoever holds the one token; the journal shows this name


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who is known. `credential` is the hash of the token that he came with."""

    name: str
    role: str
    credential: str

    def may(self, role: str) -> bool:
        """Whether he may do what needs this role: operators may do whatever viewers may."""
        return self.role in (role, OPERATOR)


def hash_of(token: str) -> str:
    """As the configuration has it: ``sha256:HEX``."""
    return f"sha256:{sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()}"


def holder_of(credential: str, users: Mapping[str, User]) -> Actor | None:
    """Whose token it is, by its hash. Takes as long whoever it is, and if it is nobody's."""
    found = None
    for name, user in users.items():
        if compare_digest(user.token.encode(), credential.encode()):
            found = Actor(name, user.role, credential)
    return found


def only_user(token: str) -> Mapping[str, User]:
    """The users of a configuration that names none."""
    return {ADMIN: User(hash_of(token), OPERATOR)}
