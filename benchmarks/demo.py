"""How the demo begins and ends: the time until there is something to see, and what is left of it however it ends.

    python -m benchmarks.demo first                  seconds from the command to the first page with routes
    python -m benchmarks.demo kills --times 20       killed at random moments: no process and no port is left, the next one sweeps
    python -m benchmarks.demo whole                  all of it, without a network, as nobody; two at once

Without a network means in a network namespace that has only loopback, and as nobody without rights but to read what is installed:
both need root, and are said to be left out without it.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

MARK = "STRANGLER_DEMO_MARK"
NOBODY = "65534"
LONGEST = 1800.0  # seconds that a whole demo may take
SWEEPS = 5.0  # seconds after the start in which it may not have come to sweeping
ENDS = 60.0  # seconds in which everything is gone after a kill
_PAGES = re.compile(r"and (http://\S+): every route.*log in with (\w+)")


class Demo:
    """One demo, with a folder for its temporary files by which its processes can be told."""

    def __init__(self, folder: Path, *arguments: str, alone: bool = False) -> None:
        self.folder, self.begun = folder, time.monotonic()
        temporary = folder / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environ = {**os.environ, "TMPDIR": str(temporary), "HOME": str(temporary), MARK: str(folder)}
        command = [sys.executable, "-u", "-m", "strangler", "demo", *arguments]
        if alone:
            for each in (folder, temporary):
                each.chmod(0o777)
            command = [*leaving_all_behind(), *command]
        self.process = subprocess.Popen(
            command, cwd=temporary, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []

    def until(self, words: str) -> str:
        """The line with these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"it never said {words!r}, but: {''.join(self.said)}")

    def end(self) -> int:
        """Its exit code, after all that it says."""
        assert self.process.stdout is not None
        self.said += self.process.communicate(timeout=LONGEST)[0].splitlines(keepends=True)
        return self.process.returncode

    def processes(self) -> list[int]:
        """Those that live, itself as well."""
        mark, found = f"{MARK}={self.folder}".encode(), []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def files(self) -> list[Path]:
        return sorted((self.folder / "tmp").glob("strangler-demo-*"))

    def is_gone(self) -> bool:
        """Wait until none of its processes lives."""
        until = time.monotonic() + ENDS
        while self.processes() and time.monotonic() < until:
            time.sleep(0.05)
        return not self.processes()


def leaving_all_behind() -> list[str]:
    """The beginning of a command that has no network but loopback, and is nobody's; nothing at all without root."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "ip"))):
        return []
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # the interpreter may be in root's home
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *reads]
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *nobody]


@contextmanager
def folders(number: int) -> Iterator[Sequence[Path]]:
    with tempfile.TemporaryDirectory(prefix="demos-") as name:
        os.chmod(name, 0o755)
        yield [Path(name) / str(each) for each in range(number)]


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command(help="Time from the command to the first page with routes.")
@click.option("--times", type=click.IntRange(1), default=3, show_default=True)
def first(times: int) -> None:
    for _ in range(times):
        with folders(1) as (folder,):
            demo = Demo(folder)
            try:
                found = _PAGES.search(demo.until("every route"))
                assert found is not None
                said = time.monotonic() - demo.begun
                page = httpx.get(found[1], headers={"authorization": f"Bearer {found[2]}"}, trust_env=False, timeout=60)
                shown = time.monotonic() - demo.begun
                assert "read-product" in page.text
                click.echo(f"address told after {said:.1f} s, first page after {shown:.1f} s")
            finally:
                demo.process.send_signal(signal.SIGINT)
                demo.end()


@main.command(help="Kill demos at random moments; each is followed by one that sweeps.")
@click.option("--times", type=click.IntRange(1), default=20, show_default=True)
@click.option("--within", type=float, default=40.0, show_default=True, help="Seconds after the start.")
@click.option("--seed", type=int, help="Of the moments.")
def kills(times: int, within: float, seed: int | None) -> None:
    chance, failed = random.Random(seed), 0
    with folders(1) as (folder,):
        for number in range(times):
            moment = chance.uniform(0.0, within)
            before = set((folder / "tmp").glob("strangler-demo-*"))
            demo = Demo(folder)
            try:
                demo.process.wait(moment)
            except subprocess.TimeoutExpired:
                demo.process.kill()
            gone = demo.is_gone()
            demo.end()
            swept = moment < SWEEPS or not before & set(demo.files())
            failed += not gone or not swept
            click.echo(f"{number + 1}: killed after {moment:.1f} s: {'all gone' if gone else f'left {demo.processes()}'}, "
                       f"{'what the one before left is swept' if swept else 'NOT SWEPT'}")  # fmt: skip
    raise SystemExit(1 if failed else 0)


@main.command(help="Two whole demos at once, without a network and as nobody, if that can be had.")
@click.option("--seconds", default="3", show_default=True)
def whole(seconds: str) -> None:
    click.echo(
        "without a network, as nobody" if leaving_all_behind() else "with a network, as whoever runs this (else it takes root)"
    )
    with folders(2) as places:
        demos = [Demo(place, "--seconds", seconds, alone=True) for place in places]
        codes = [demo.end() for demo in demos]
        for demo, code in zip(demos, codes, strict=True):
            left = [*demo.processes(), *demo.files()]
            click.echo(f"exit {code}, left {left or 'nothing'}: {demo.said[-1].strip()}")
            if code:
                click.echo("".join(demo.said))
    raise SystemExit(max(codes))


if __name__ == "__main__":
    main()
