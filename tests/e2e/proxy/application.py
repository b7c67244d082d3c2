"""``python -m tests.e2e.proxy.application``: httpbin, an application that knows nothing of us, on a server of its own."""

from __future__ import annotations

import sys

from httpbin import app
from waitress import create_server

if __name__ == "__main__":
    server = create_server(app, host="127.0.0.1", port=int(sys.argv[1]), threads=4)
    print(f"ready on http://127.0.0.1:{sys.argv[1]}", flush=True)
    server.run()
