"""A secret key: from the environment, or from a file beside the configuration that is made once, for its owner's eyes only.

The bytes of a key are its text's, so that every language and every shell reads the same key.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from strangler.core.errors import UsageError

LEAST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keyfile:
    """Where a key is found: in an environment variable, or in a file of the configuration's folder."""

    variable: str
    file: str

    def find(self, environ: Mapping[str, str], folder: str) -> bytes:
        """The key; if there is none, the file is made. Raises UsageError if it cannot be made, read or trusted."""
        text = environ.get(self.variable, "")
        if text:
            return _checked(text, self.variable)
        path = os.path.join(folder, self.file)
        try:
            if not os.path.lexists(path):
                _make(path)
            with open(path, encoding="ascii") as file:
                self._refuse_if_open_to_others(path, os.fstat(file.fileno()))
                return _checked(file.read(200), path)
        except OSError as error:
            raise UsageError(f"{path} cannot be made or read: {error.strerror}; or give the key in {self.variable}") from None
        except UnicodeError:
            raise UsageError(f"{path} is not text: remove it, and the next start makes another") from None

    def _refuse_if_open_to_others(self, path: str, found: os.stat_result) -> None:
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise UsageError(f"{path} can be read or written by others: chmod 600 it, or give the key in {self.variable}")


# The key that identities are signed with (`core.identity`). Whoever holds it can be any user.
IDENTITY = Keyfile("STRANGLER_IDENTITY_KEY", "identity.key")

# The key of the tokens that stand for secrets in what is kept (`core.redact`).
REDACTION = Keyfile("STRANGLER_REDACTION_KEY", "redaction.key")

# The token for the admin address of a configuration without `admin.users`. Commands read it here as well.
ADMIN_TOKEN = Keyfile("STRANGLER_ADMIN_TOKEN", "admin.token")


def _make(path: str) -> None:
    """Whole or not at all, and whoever comes second takes what the first has made."""
    draft = f"{path}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(LEAST_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def _checked(text: str, where: str) -> bytes:
    key = text.strip().encode()
    if len(key) < LEAST_BYTES:
        raise UsageError(f"{where} holds a key of less than {LEAST_BYTES} characters: make one with `openssl rand -hex 32`")
    return key
