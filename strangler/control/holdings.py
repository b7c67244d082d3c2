"""What a supervisor holds for the addresses it serves: listening sockets, and the locks that say whose they are.

They are opened, taken over from a running supervisor, handed on to the next, or given back.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import astuple

from strangler.control import runtime
from strangler.control.frames import Head
from strangler.control.runtime import Lock
from strangler.control.sockets import Listening, listen
from strangler.core.model import Address

LISTEN, ADMIN = "listen.address", "admin.address"  # keys of the file


class Holdings:
    """Sockets and locks.

    Attributes:
        public: sockets that clients connect to, with the number of their listener in the file.
        admin: sockets of the admin address.
    """

    def __init__(self) -> None:
        self.public: list[tuple[int, Listening]] = []
        self.admin: list[Listening] = []
        self._locks: list[Lock] = []
        self._unused: list[Listening] = []
        self._unused_locks: list[Lock] = []
        self._shared = False

    def inherit(self, offer: Head, descriptors: Sequence[int]) -> None:
        """Take what a running supervisor `offers`, to be used by `open`. It stays the owner until `own`."""
        self._shared = True
        count = len(offer["sockets"])
        for written, descriptor in zip(offer["sockets"], descriptors[:count], strict=True):
            self._unused.append(Listening(Address(*written), socket.socket(fileno=descriptor)))
        for path, descriptor in zip(offer["locks"], descriptors[count:], strict=True):
            self._unused_locks.append(Lock(descriptor, path))

    def open(self, addresses: Sequence[Address], admin: Address) -> None:
        """Lock and open all; what was inherited is used where it fits. Raises UnreachableError."""
        for number, address in enumerate(addresses):
            self.public += [(number, listening) for listening in self._one(address, LISTEN)]
        self.admin = self._one(admin, ADMIN)

    def shares(self, engines: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Numbers of listeners with descriptors, for workers that serve one engine each: a slow one is not to hold up a fast one.

        Args:
            engines: of the listeners, by their number.
        """
        found: dict[str, list[tuple[int, int]]] = {}
        for number, listening in self.public:
            found.setdefault(engines[number], []).append((number, listening.sock.fileno()))
        return list(found.values())

    def offer(self) -> tuple[Head, list[int]]:
        """All of it, for a successor."""
        sockets = self._sockets
        head = {
            "sockets": [astuple(listening.written) for listening in sockets],
            "locks": [lock.path for lock in self._locks],
        }
        return head, [listening.sock.fileno() for listening in sockets] + [lock.descriptor for lock in self._locks]

    def own(self) -> None:
        """They are ours alone now. What was inherited and is not used any more is given back."""
        self._shared = False
        for lock in self._locks:
            lock.sign()
        for listening in self._unused:
            listening.end()
        for unused in self._unused_locks:
            unused.release()
        self._unused, self._unused_locks = [], []

    def share(self) -> None:
        """Somebody else holds them too, and goes on."""
        self._shared = True

    def close(self) -> None:
        """Close everything. What is ours alone is given back, and leaves nothing behind."""
        for listening in [*self._sockets, *self._unused]:
            if self._shared:
                listening.close()
            else:
                listening.end()
        for lock in [*self._locks, *self._unused_locks]:
            if self._shared:
                lock.close()
            else:
                lock.release()
        self.public, self.admin, self._locks, self._unused, self._unused_locks = [], [], [], [], []

    @property
    def _sockets(self) -> list[Listening]:
        return [*(listening for _, listening in self.public), *self.admin]

    def _one(self, address: Address, key: str) -> list[Listening]:
        """The sockets of one address. A port that the system chooses needs no lock: it is nobody else's."""
        patient = self._lock(address) if address.unix or address.port else False
        inherited = [listening for listening in self._unused if listening.serves(address)]
        for listening in inherited:
            self._unused.remove(listening)
            listening.written = address
        return inherited or listen(address, key, patient)

    def _lock(self, address: Address) -> bool:
        """Lock an address; whether its last holder was killed."""
        path = runtime.path_of(address)
        inherited = next((lock for lock in self._unused_locks if lock.path == path), None)
        if inherited is not None:
            self._unused_locks.remove(inherited)
            self._locks.append(inherited)
            return False
        lock = runtime.lock(address)
        lock.sign()
        self._locks.append(lock)
        return lock.left
