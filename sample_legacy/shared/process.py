"""The process around an application: arguments, readiness, signals, exit codes."""

import argparse
import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import uvicorn
from starlette.applications import Starlette

from sample_legacy import facts
from sample_legacy.shared.numbers import BY_NAME

UNREACHABLE, DATABASE = 4, 5


def arguments(program: str, port: int, database: str, description: str) -> argparse.ArgumentParser:
    """What both applications understand."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--database", default=database, metavar="URL", help="SQLAlchemy URL (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=facts.DEFAULT_SEED, help="of the seeded world (default: %(default)s)")
    parser.add_argument("--customers", type=_customers, default=facts.DEFAULT_CUSTOMERS, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--numbers",
        choices=BY_NAME,
        default="all",
        help="for new orders; shops that take turns share them (default: all)",
    )
    parser.add_argument("--reset", action="store_true", help="drop the tables first")
    parser.add_argument("--init-only", action="store_true", help="create and seed the tables, then exit")
    return parser


def serve(app: Starlette, program: str, host: str, port: int) -> NoReturn:
    """Until SIGTERM or SIGINT; open feeds get one second to finish."""
    listener = _listen(program, host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # uvicorn raises the signal again when it is done; leaving is then success
    config = uvicorn.Config(app, log_level="critical", access_log=False, server_header=False, timeout_graceful_shutdown=1)
    _Announcing(config, f"{program} ready on http://{host}:{listener.getsockname()[1]}").run([listener])
    sys.exit(0)


def stop(program: str, code: int, problem: str) -> NoReturn:
    """One line, and the exit code that says whose problem it is."""
    print(f"{program}: {problem}", file=sys.stderr)
    sys.exit(code)


class _Announcing(uvicorn.Server):
    """Says on standard output when it is ready, for the parent process that waits."""

    def __init__(self, config: uvicorn.Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._line, flush=True)


def _listen(program: str, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        stop(program, UNREACHABLE, f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}")


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _customers(text: str) -> int:
    number = int(text)
    if number < facts.AWKWARD_CUSTOMERS:
        raise argparse.ArgumentTypeError(f"at least {facts.AWKWARD_CUSTOMERS}, for the awkward ones")
    return number
