"""Telling the service manager how far we are, if it wants to know (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def tell_service_manager(state: str) -> None:
    """Send lines such as ``READY=1``; nothing if nobody listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
