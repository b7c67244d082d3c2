"""The two load generators, run once each time, and what they say.

Closed loop (wrk): every connection sends its next request when it has its answer, so it finds the most a proxy can do,
and its latency is that of a full house. Open loop (h2load): requests leave by the clock, so it finds the latency at a
rate. Two things about h2load must be known. ``--rps`` is the rate of each connection, not of all. And connections that
are opened together send together, each time, for as long as they live: what one then measures is a queue of all of them.
So connections are opened one after the other, and only the time in which all of them sent is counted.

h2load's times run from sending, and a connection whose answer is late sends its next request late. A stall therefore
counts for the requests it caught, not for those it kept from being sent; `achieved` tells when that was many.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RATE_EACH = 60.0  # requests/s of one connection at most: h2load looks at its clock every 10 ms
LEAST_CONNECTIONS = 32
_STAGGER = 0.003  # seconds between two connections; h2load opens none faster than every millisecond
VISITORS = 64  # each with a cookie and an item of its own, or what a proxy remembers of the last request would be all there is
_SCRIPT = f"""local requests, last = {{}}, 0
init = function()
  for n = 1, {VISITORS} do requests[n] = wrk.format(nil, wrk.path:gsub("%d+$", n), {{["Cookie"] = "visitor=" .. n}}) end
end
request = function()
  last = last % {VISITORS} + 1
  return requests[last]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{{"requests":%d,"micros":%d,"errors":%d,"p50":%d,"p99":%d}}\\n', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of a load generator saw. Times in seconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float
    achieved: float = 1.0  # of the rate that was asked for

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class LoadFailed(Exception):
    """A load generator did not do its work; the message holds what it said."""


def closed_loop(command: Sequence[str], url: str, *, connections: int, threads: int, seconds: int, folder: Path) -> Load:
    """Run wrk; `command` starts it."""
    script = folder / "report.lua"
    script.write_text(_SCRIPT)
    options = ("-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "5s", "-s", str(script))
    said = json.loads(_output([*command, *options, url], seconds).strip().splitlines()[-1])
    return Load(said["requests"], said["micros"] / 1e6, said["errors"], said["p50"] / 1e6, said["p99"] / 1e6)


def open_loop(command: Sequence[str], url: str, *, rate: float, seconds: int, folder: Path) -> Load:
    """Run h2load at `rate` requests per second in all; `command` starts it."""
    connections = max(LEAST_CONNECTIONS, math.ceil(rate / RATE_EACH))
    each = rate / connections
    stagger = max(_STAGGER, round(1 / rate, 3))
    ramp = stagger * connections
    requests = math.ceil((seconds + ramp) * each) * connections
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    options = ("--h1", "--threads=1", f"--clients={connections}", f"--requests={requests}", f"--rps={each}", "--rate=1")
    said = _output([*command, *options, f"--rate-period={round(stagger * 1000)}ms", f"--log-file={log}", url], seconds + ramp)
    if not log.exists():
        raise LoadFailed(f"h2load wrote no log\n{said}")
    rows = [tuple(map(int, line.split("\t")[:3])) for line in log.read_text().splitlines()]
    return between(rows, ramp, ramp + seconds, rate)


def between(rows: Sequence[tuple[int, ...]], begin: float, end: float, rate: float) -> Load:
    """What was sent from `begin` to `end`, in seconds after the first request; rows are start in µs, status, µs taken."""
    first = min(row[0] for row in rows)
    within = [row for row in rows if begin * 1e6 <= row[0] - first < end * 1e6]
    taken = sorted(row[2] / 1e6 for row in within)
    if not taken:
        raise LoadFailed("h2load sent nothing after all of its connections were open")
    errors = sum(row[1] != 200 for row in within)
    return Load(len(within), end - begin, errors, _at(taken, 0.5), _at(taken, 0.99), len(within) / (end - begin) / rate)


def _at(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _output(command: Sequence[str], seconds: float) -> str:
    """What a load generator says; one that takes much longer than it should is ended."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3 * seconds + 30)
    except subprocess.TimeoutExpired:
        raise LoadFailed(f"{' '.join(command)} did not end") from None
    if done.returncode:
        raise LoadFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
