"""`strangler serve`: reads the file, holds the addresses, keeps the crew at work, and hands its place to the next.

It parses nothing, opens no store and speaks no HTTP, so that little can happen to it: its children do all that, and are
replaced when they fail. What it holds of the configuration are the bytes that the reader gave it for the workers.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from strangler import __version__
from strangler.control import console, runtime
from strangler.control.callers import Callers
from strangler.control.cells import new_arena
from strangler.control.child import python
from strangler.control.crew import DATA, Crew, Equipment
from strangler.control.cutover.calls import Calls
from strangler.control.cutover.foresight import Foresight
from strangler.control.cutover.hold import Hold
from strangler.control.frames import Head
from strangler.control.holdings import Holdings
from strangler.control.loop import Loop
from strangler.control.notify import tell_service_manager
from strangler.control.reading import Reading
from strangler.control.runtime import TakenError
from strangler.control.sockets import open_private
from strangler.control.takeover import Handover, Heir
from strangler.control.totals import bury
from strangler.core.errors import UnreachableError, UsageError
from strangler.core.model import Address

PATIENCE = 10.0  # seconds that a child may be silent
LOOK_SECONDS = 1.0  # between two looks at the file and at the crew
AT_START = ("listen", "listen.engine", "admin", "admin.tls", "workers", "store", "mappings")  # what a reload does not change


class FileProblems(UsageError):
    """The file is wrong. `problems` are lines that each name their place."""

    def __init__(self, text: str) -> None:
        self.problems = text.splitlines()
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asks for. Times in seconds."""

    path: Path
    grace: float = 30.0
    takeover: bool = False
    patience: float = PATIENCE


class Supervisor:
    """One run of `strangler serve`."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._loop = Loop()
        self._holdings = Holdings()
        self._crew = Crew(
            self._loop,
            order.patience,
            bury=self._bury,
            changed=self._changed,
            refused=self._refused,
            say=self._say,
            other=self._hear,
        )
        self._hold = Hold(self._loop, self._crew.tell_hold, self._say, self._crew.names)
        self._foresight = Foresight(self._loop, order.path, lambda: self._reading.held)
        self._calls = Calls(self._hold, self._stands_against_a_hold, self._crew.tell_control, self._foresight)
        self._signals = {
            signal.SIGTERM: self._stop,
            signal.SIGINT: self._stop,
            signal.SIGHUP: self._hang_up,
            signal.SIGUSR2: self._upgrade,
        }
        self._arena = -1
        self._pairs: socket.socket | None = None
        self._handover: Handover | None = None
        self._successor: subprocess.Popen[bytes] | None = None
        self._predecessor = 0
        self._stops = 0
        self._callers = Callers(self._state, self._have_read, self._is_over, self._calls.hear)
        self._reading = Reading(self._loop, order.path, lambda: self._plan.get("places"), self._read, self._callers.look)
        self._plan: Head = {}
        self._tables: list[tuple[Head, bytes]] = []
        self._announcements: list[str] = []
        self._problems = ""
        self._reloaded = 0.0

    def run(self) -> None:
        """Serve until told to stop.

        Raises UsageError if the file is wrong, UnreachableError if an address is taken or nobody can serve.
        """
        for number, call in self._signals.items():
            self._loop.on_signal(number, call)
        try:
            self._start()
            self._loop.run(lambda: self._stops > 0 and self._crew.gone)
        finally:
            self._crew.kill()
            self._loop.run(lambda: self._crew.gone)
            if self._handover is not None:
                self._handover.close()
            self._holdings.close()
            self._close_pairs()
            runtime.tidy()
            self._loop.close()

    # Starting.

    def _start(self) -> None:
        self._reading.read(asked=True)
        self._loop.run(lambda: not self._reading.busy or self._stops > 0)
        if self._stops:
            return
        if self._problems:
            raise self._error(self._plan)
        listen = [Address(*address) for address in self._plan["listen"]]
        admin = Address(*self._plan["admin"])
        heir = self._inherit([*listen, admin]) if self._order.takeover else None
        self._holdings.open(listen, admin)
        self._hire()
        self._loop.run(lambda: self._crew.began or bool(self._crew.fallen or self._problems) or self._stops > 0)
        if self._crew.fallen or self._problems:
            raise UnreachableError(self._problems or f"{self._crew.fallen[0]} before it served: nothing is started")
        if not self._stops:
            self._serve(heir)

    def _inherit(self, addresses: Sequence[Address]) -> Heir | None:
        """Ask whoever serves one of these addresses; None if nobody does."""
        for address in addresses:
            try:
                if address.unix or address.port:
                    runtime.lock(address).release()
            except TakenError as taken:
                if not taken.pid:
                    raise
                heir = Heir(taken.pid)
                self._predecessor = taken.pid
                self._holdings.inherit(heir.offer, heir.descriptors)
                return heir
        return None

    def _hire(self) -> None:
        each = self._plan["workers"] or _cores()
        shares = self._holdings.shares(self._plan["listen.engine"])
        workers = each * len(shares)
        self._arena = new_arena(workers + 2)  # of the dead, of each worker, and what the workers tell each other
        admin = [listening.sock.fileno() for listening in self._holdings.admin]
        self._pairs = open_private(runtime.pairs_of(os.getpid()))
        for number in range(1, workers + 1):
            public = shares[(number - 1) // each]
            settings = {"arena": self._arena, "slot": number, "sockets": public, "pairs": runtime.pairs_of(os.getpid())}
            descriptors = [self._arena, *(descriptor for _, descriptor in public)]
            self._crew.hire(f"worker {number}", number, "strangler.control.worker", Equipment(settings, descriptors))
        settings = {"arena": self._arena, "slots": workers, "sockets": admin, "version": __version__, "started": time.time()}
        settings["tls"] = self._plan["admin.tls"]
        settings["hosts"] = [listening.address.host for listening in self._holdings.admin]
        settings["path"] = os.path.abspath(self._order.path)
        settings["pairs"] = self._pairs.fileno()
        settings["instance"] = sha256(f"{socket.gethostname()}:{self._order.path.resolve()}".encode()).hexdigest()[:16]
        inherited = [self._arena, self._pairs.fileno(), *admin]
        self._crew.hire("control", 0, "strangler.web.admin", Equipment(settings, inherited))
        if self._plan["mappings"]:
            settings = {"files": self._plan["mappings"], "document": self._plan["data"]}
            self._crew.hire("data", DATA, "strangler.cli.data_process", Equipment(settings))
        self._loop.after(LOOK_SECONDS, self._look)

    def _serve(self, heir: Heir | None) -> None:
        """All are ready: from here on nothing ends it but being told to."""
        if heir is not None:
            heir.ready()
        self._holdings.own()
        self._handover = Handover(
            self._loop, self._holdings.offer, self._leave_to, self._callers.hear, lambda: not self._hold.token
        )
        schemes = self._plan["schemes"]
        for url in dict.fromkeys(_url(listening.address, schemes[number]) for number, listening in self._holdings.public):
            console.say(f"strangler serves {url}", console.OUT)
        for url in dict.fromkeys(
            _url(listening.address, "https" if self._plan["admin.tls"] else "http") for listening in self._holdings.admin
        ):
            self._say(f"admin address {url} (/metrics, /healthz, /readyz)")
        tell_service_manager(f"READY=1\nMAINPID={os.getpid()}")

    # The file.

    def _hang_up(self) -> None:
        """SIGHUP. Somebody who only just starts, or leaves, has nothing to read again."""
        if self._handover is not None and not self._stops:
            self._reading.read(asked=True)

    def _look(self) -> None:
        """Once a second: does somebody hang, has the file changed?"""
        self._loop.after(LOOK_SECONDS, self._look)
        self._crew.look()
        self._callers.look()
        if self._successor is not None and self._successor.poll() is not None:
            self._successor = None  # it has said why
        if self._handover is not None and not self._stops and self._reading.changed:
            self._reading.read(asked=False)

    def _read(self, head: Head, body: bytes, asked: bool) -> None:
        """The file has been read."""
        if head["is"] == "read":
            self._take_up(head, body, asked)
        else:
            self._keep(head)

    def _take_up(self, head: Head, body: bytes, asked: bool) -> None:
        """Give the workers a new table; people are told once all of them use it."""
        self._tell_changes(head)
        for note in head["notes"]:
            self._say(note)
        self._plan, self._problems = head, ""
        self._tables = [*self._tables[-1:], (head, body)]
        if not self._crew.revision and head["hold"]:  # a cutover was cut off: nothing is written until it is settled
            self._hold.begin(**head["hold"], kept=True)
        self._crew.publish(self._crew.revision + 1, body, head["moved"])
        if self._handover is not None:
            routes = f"{head['routes']} routes"
            self._announcements.append(f"reloaded, {routes}" if asked else f"took up the changed file, {routes}")

    def _tell_changes(self, head: Head) -> None:
        before = self._plan
        changed = [key for key in AT_START if before and before[key] != head[key]]
        if changed:
            self._say(f"{' and '.join(changed)} in the file changed: `strangler serve --takeover` puts that into effect")

    def _keep(self, head: Head) -> None:
        """What was served before goes on; before the first start, there is nothing to go on with."""
        self._problems = head["text"]
        if not self._crew.began:
            self._plan = head
            return
        console.say(head["text"] if head.get("listed") else f"strangler: {head['text']}")
        self._say(f"{self._order.path} is not served: what was served before goes on")
        self._tell_control()

    def _error(self, head: Head) -> UsageError:
        return FileProblems(head["text"]) if head.get("listed") else UsageError(head["text"])

    # What commands ask for.

    def _state(self) -> Head:
        return {
            "is": "state",
            "pid": os.getpid(),
            "path": os.path.realpath(self._order.path),
            "digest": self._plan["digest"],
            "revision": self._crew.revision,
            "serving": self._crew.serving,
            "crew": self._crew.states(),
            "problems": self._problems,
            "hold": self._hold.token,
        }

    def _stands_against_a_hold(self) -> str:
        """Requests of other processes than our workers would not be held."""
        if self._stops:
            return "strangler is being stopped"
        if self._handover is None or self._handover.busy:
            return "a successor is just taking over: try again when it serves"
        if self._predecessor and runtime.lives(self._predecessor):
            return f"pid {self._predecessor}, whose place this one took, still finishes requests: try again when it has gone"
        return ""

    def _have_read(self, digest: str) -> int:
        """Have the file read, unless it is served already."""
        if self._stops or (digest == self._plan["digest"] and not self._problems):
            return self._reading.done
        foreseen = self._foresight.take(self._hold.token, digest)
        return (foreseen and self._reading.foretold(*foreseen)) or self._reading.read(asked=True)

    def _is_over(self, number: int) -> bool:
        """A successor that is getting ready may have read the file before: it has to be asked, as soon as it can be."""
        alone = self._handover is not None and not self._handover.busy
        return alone and self._crew.serving and self._reading.done >= number

    # What the crew calls.

    def _hear(self, number: int, head: Head) -> None:
        if head["is"] == "holding":
            self._hold.hear(number, head)
        elif head["is"] == "cutover":
            self._calls.told(head)
        elif head["is"] == "recording":
            self._crew.tell_record(head["record"])
        elif head["is"] == "taken":
            self._crew.tell_control({**head, "do": "taken"})

    def _bury(self, number: int) -> None:
        if number:
            bury(self._arena, number)
            self._hold.bury(number)
        else:
            self._calls.bury()
            self._crew.tell_record({})

    def _changed(self) -> None:
        if self._crew.serving and self._announcements:
            for announcement in self._announcements:
                console.say(f"strangler: {announcement}", console.OUT)
            self._announcements = []
            self._reloaded = time.time()
        self._tell_control()
        self._callers.look()

    def _refused(self, revision: int, why: str) -> None:
        """A worker cannot use a table that the reader found good: back to the one before, for all of them."""
        if revision < self._crew.revision:
            return
        self._problems = why
        if self._crew.began and len(self._tables) > 1:
            self._say(f"{why}; what was served before goes on")
            self._announcements = []
            self._tables = self._tables[:1]
            self._plan, body = self._tables[0]
            self._crew.publish(revision + 1, body, self._plan["moved"])
            self._tell_control()

    def _tell_control(self) -> None:
        self._crew.tell_control(
            {
                "do": "state",
                "revision": self._crew.revision,
                "crew": self._crew.states(),
                "problems": self._problems,
                "reloaded": self._reloaded,
                "stopping": self._stops > 0,
            }
        )

    # Stopping.

    def _upgrade(self) -> None:
        """SIGUSR2: start a successor from what is installed now. As a child of ours it stays where a service manager looks."""
        if self._handover is None or self._stops or self._successor is not None:
            return
        order = ["serve", "-c", str(self._order.path), "--takeover", "--grace", f"{round(self._order.grace * 1000)}ms"]
        try:
            self._successor = subprocess.Popen([*python(), "-m", "strangler", *order], stdin=subprocess.DEVNULL)
        except OSError as error:
            self._say(f"no successor could be started: {error.strerror}")

    def _stop(self) -> None:
        """SIGTERM or SIGINT. The second one means now."""
        self._stops += 1
        if self._stops > 1:
            self._crew.kill()
            return
        tell_service_manager("STOPPING=1")
        self._tell_control()
        if self._handover is not None and self._handover.busy:
            self._holdings.share()
        self._leave(replaced=False)

    def _leave_to(self, pid: int) -> None:
        """A successor serves."""
        self._say(f"pid {pid} has taken over; requests that are being served here are finished")
        tell_service_manager(f"MAINPID={pid}")
        self._stops += 1
        self._holdings.share()
        self._leave(replaced=True)

    def _leave(self, replaced: bool) -> None:
        if self._handover is not None:
            self._handover.close()
        self._crew.stop(self._order.grace, replaced)
        self._holdings.close()

    def _close_pairs(self) -> None:
        if self._pairs is not None:
            self._pairs.close()
            with suppress(OSError):
                os.unlink(runtime.pairs_of(os.getpid()))

    def _say(self, text: str) -> None:
        console.say(f"strangler: {text}")


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _url(address: Address, scheme: str) -> str:
    return str(address) if address.unix else f"{scheme}://{address}"
