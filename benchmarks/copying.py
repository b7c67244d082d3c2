"""Proxies that send a copy of every request to a candidate: ours, which compares the answers, and two peers, which do not.

Each has one worker, and is configured as in `contenders` but for the copy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.contenders import (
    KEPT,
    Contender,
    envoy_config,
    nginx_command,
    requested,
    strangler_version,
    version_said,
)
from benchmarks.processes import free_port

ROUTES = 10
_FOR_EVER = 1_000_000_000


def strangler(name: str, folder: Path, upstream: int, candidate: int, *, copies: bool) -> Contender:
    """This proxy; without copies its routes stand at legacy, and all else is the same."""
    port = free_port()
    stage = {"stage": "shadow"} if copies else {}
    config = {
        "version": 1,
        "listen": [{"address": f"127.0.0.1:{port}"}],
        "admin": {"address": "127.0.0.1:0"},
        "store": store(name),
        "workers": 1,
        "upstreams": {"legacy": {"url": f"http://127.0.0.1:{upstream}"}, "modern": {"url": f"http://127.0.0.1:{candidate}"}},
        "routes": [{"name": f"part-{n}", "match": {"path": f"/part-{n:06}/items/{{id}}"}, **stage} for n in range(ROUTES)],
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(config))
    command = (sys.executable, "-m", "strangler", "serve", "--config", str(file))
    return Contender(name, command, port, requested(ROUTES), strangler_version())


def store(name: str) -> str:
    """Where the evidence of such a proxy is kept, below its folder."""
    return f"sqlite:///{name}.db"


def nginx(path: str, folder: Path, upstream: int, candidate: int, *, copies: bool) -> Contender:
    """nginx, with ngx_http_mirror_module if it copies; the copy goes through a pool of kept connections, as the request."""
    port = free_port()
    kept = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    pools = "".join(
        f"upstream {name} {{ server 127.0.0.1:{to}; keepalive {KEPT}; keepalive_requests {_FOR_EVER}; }}\n"
        for name, to in (("upstream", upstream), ("candidate", candidate))
    )
    location = f"{'mirror /copy; mirror_request_body off; ' if copies else ''}proxy_pass http://upstream; {kept}"
    more = f"location = /copy {{ internal; proxy_pass http://candidate$request_uri; proxy_pass_request_body off; {kept} }}"
    command = nginx_command(path, folder, port, location, pools, more if copies else "")
    return Contender("nginx-copies" if copies else "nginx", command, port, requested(ROUTES), version_said(path, "-v"))


def envoy(path: str, folder: Path, upstream: int, candidate: int, *, copies: bool) -> Contender:
    """Envoy, with request_mirror_policies if it copies."""
    port, name = free_port(), "envoy-copies" if copies else "envoy"
    file = folder / f"{name}.json"
    file.write_text(json.dumps(envoy_config(port, upstream, candidate if copies else 0)))
    command = (path, "--config-path", str(file), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    return Contender(name, command, port, requested(ROUTES), version_said(path, "--version").split("/")[1])
