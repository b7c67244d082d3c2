"""Headless Chromium, spoken to by its own protocol (Chrome DevTools Protocol) over a WebSocket: no driver in between.

A window runs script in a page, presses keys, waits for what a person would wait for, and takes pictures.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

SECONDS = 60.0
_TELLING = ("security", "javascript", "violation")  # kinds of entries in the log
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0")  # fmt: skip


def program() -> str:
    """Where Chromium is; CI must have it."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium, which CI must have")
        pytest.skip("Chromium is not installed: pages are not looked at in a browser")
    return found


@contextmanager
def browser() -> Iterator[Chromium]:
    """One that runs as long as the context."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program(), *FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield Chromium(_address(Path(profile), process))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    port = profile / "DevToolsActivePort"
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "Chromium has ended"
        if port.exists() and len(lines := port.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise AssertionError("Chromium does not say where it listens")


class Chromium:
    """A browser that runs."""

    def __init__(self, address: str) -> None:
        self._address = address

    @contextmanager
    def window(self, *, width: int = 1440, height: int = 900, dark: bool = False) -> Iterator[Window]:
        """A window with cookies of its own."""
        with connect(self._address, max_size=None) as socket:
            window = Window(socket)
            window.open(width, height, dark)
            yield window
            window.shut()


class Window:
    """One page."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._number, self._session = socket, 0, ""
        self.problems: list[str] = []

    def open(self, width: int, height: int, dark: bool) -> None:
        self._context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def shut(self) -> None:
        self._session = ""
        self.call("Target.disposeBrowserContext", browserContextId=self._context)

    def resize(self, width: int, height: int = 900) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **parameters: Any) -> Any:
        """A command of the protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            said = json.loads(self._socket.recv(SECONDS))
            if said.get("id") == self._number:
                assert "error" not in said, f"{method}: {said['error']}"
                return said["result"]
            self._hear(said)

    def _hear(self, said: dict[str, Any]) -> None:
        """Errors of scripts, and what the policy refused."""
        if said.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(said["params"]["exceptionDetails"].get("exception", {}).get("description")))
        elif said.get("method") == "Log.entryAdded" and said["params"]["entry"]["source"] in (
            "security",
            "javascript",
            "violation",
        ):
            self.problems.append(said["params"]["entry"]["text"])

    def run(self, script: str) -> Any:
        """The value of an expression; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def go(self, url: str) -> None:
        """To a page, until it is there."""
        self.call("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def until(self, script: str) -> Any:
        """Wait for an expression to be true."""
        until = time.monotonic() + SECONDS
        while not (found := self._tried(script)):
            assert time.monotonic() < until, f"never: {script}\nat {self.run('location.href')}: {self.text()[:2000]}"
            time.sleep(0.05)
        return found

    def _tried(self, script: str) -> Any:
        """While a page gives way to another there is nothing to ask."""
        try:
            return self.run(script)
        except AssertionError:
            return None

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def press(self, key: str, text: str = "") -> None:
        """A key, as from a keyboard."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "Escape": 27}
        keys = {"key": key, "code": {" ": "Space"}.get(key, key), "windowsVirtualKeyCode": codes.get(key, 0)}
        text = text or {"Enter": "\r", " ": " "}.get(key, "")
        self.call("Input.dispatchKeyEvent", type="keyDown", **keys, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **keys)

    def write(self, text: str) -> None:
        """Text into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A screenshot."""
        clip = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1}}
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **clip)["data"]
        path.write_bytes(base64.b64decode(data))
