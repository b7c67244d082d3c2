"""Who is measured: for each proxy its configuration, its command line and its version.

Every peer gets what its own documentation advises for throughput on one core: one worker, kept-alive connections both
ways, no access log, and no header work beyond its defaults. Strangler runs as a user starts it, with all it does by default.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path

from benchmarks.processes import free_port
from benchmarks.upstream import BODY
from strangler import __version__

KEPT = 512  # idle upstream connections that nginx may keep; open-loop runs use some hundred
_FOR_EVER = 1_000_000_000  # requests on one connection: none is closed for having been used


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to the upstream.

    Attributes:
        command: starts it; empty for the upstream itself, which runs already.
        path: what is asked for.
        log: file that must get a line for every request, if any.
    """

    name: str
    command: tuple[str, ...]
    port: int
    path: str
    version: str
    log: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"


def find(name: str, given: str | None) -> str | None:
    """Where a program is: as given, or on PATH, or where systems keep daemons; None if it is not there."""
    return shutil.which(given or name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def requested(routes: int) -> str:
    """The path that is asked for: of the route in the middle of so many."""
    return f"/part-{routes // 2:06}/items/42"


def fixed_upstream(nginx: str | None, folder: Path, body: bytes = BODY) -> Contender:
    """The upstream: nginx if it is there, else a server of ours, which has one answer only."""
    port = free_port()
    if nginx is None:
        command = (sys.executable, "-m", "benchmarks.upstream", str(port))
        return Contender("a server of ours", command, port, "/", f"uvloop {version_of('uvloop')}")
    location = f"default_type application/json; return 200 '{body.decode()}';"
    return Contender("nginx", nginx_command(nginx, folder, port, location, ""), port, "/", version_said(nginx, "-v"))


def strangler(name: str, folder: Path, upstream: int, routes: int, log: Path | None = None, engine: str = "native") -> Contender:
    """This proxy, one worker, with so many routes of distinct paths."""
    port = free_port()
    config = {
        "version": 1,
        "listen": [{"address": f"127.0.0.1:{port}", "engine": engine}],
        "admin": {"address": "127.0.0.1:0"},
        "workers": 1,
        "log": {"access": str(log or "off")},
        "upstreams": {name: {"url": f"http://127.0.0.1:{upstream}"} for name in ("legacy", "modern")},
        "routes": [{"name": f"part-{n}", "match": {"path": f"/part-{n:06}/items/{{id}}"}} for n in range(routes)],
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(config))  # JSON is YAML
    command = (sys.executable, "-m", "strangler", "serve", "--config", str(file))
    return Contender(name, command, port, requested(routes), strangler_version(), log)


def strangler_version() -> str:
    """Of this proxy and what it runs on."""
    engine = f"uvloop {version_of('uvloop')}, httptools {version_of('httptools')}"
    return f"{__version__}, Python {platform.python_version()}, {engine}"


def nginx(path: str, folder: Path, upstream: int, target: str) -> Contender:
    """nginx as a proxy."""
    port = free_port()
    location = 'proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection "";'
    pool = f"upstream upstream {{ server 127.0.0.1:{upstream}; keepalive {KEPT}; keepalive_requests {_FOR_EVER}; }}"
    return Contender("nginx", nginx_command(path, folder, port, location, pool), port, target, version_said(path, "-v"))


def envoy(path: str, folder: Path, upstream: int, target: str) -> Contender:
    """Envoy with one worker thread."""
    port = free_port()
    file = folder / "envoy.json"
    file.write_text(json.dumps(envoy_config(port, upstream)))
    command = (path, "--config-path", str(file), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
    return Contender("envoy", command, port, target, version_said(path, "--version").split("/")[1])


def mitmproxy(path: str, folder: Path, upstream: int, target: str) -> Contender:
    """mitmproxy, without a console."""
    port = free_port()
    mode, home = f"reverse:http://127.0.0.1:{upstream}", f"confdir={folder / 'mitmproxy'}"
    where = ("--mode", mode, "--listen-host", "127.0.0.1", "--listen-port", str(port))
    command = (path, "--quiet", *where, "--set", home)
    return Contender("mitmproxy", command, port, target, version_said(path, "--version"))


def nginx_command(path: str, folder: Path, port: int, location: str, pool: str, more: str = "") -> tuple[str, ...]:
    """What starts an nginx of one worker; writes its configuration. `more` stands beside the one location."""
    home = folder / f"nginx-{port}"
    home.mkdir()
    temporary = " ".join(f"{kind}_temp_path {home};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = home / "nginx.conf"
    file.write_text(
        f"daemon off; worker_processes 1; pid {home}/pid; error_log stderr error; events {{ worker_connections 4096; }}\n"
        f"http {{ access_log off; keepalive_requests {_FOR_EVER}; {temporary} {pool}\n"
        f"server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ {location} }} {more} }} }}\n"
    )
    return (path, "-e", "stderr", "-p", str(home), "-c", str(file))


def envoy_config(port: int, upstream: int, candidate: int = 0) -> dict[str, object]:
    """Everything to `upstream`, and a copy to `candidate`, if there is one."""
    type_url = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{type_url}.http.router.v3.Router"}}
    copies = {"request_mirror_policies": [{"cluster": "candidate"}]} if candidate else {}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "upstream", **copies}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    manager = {
        "@type": f"{type_url}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [router],
    }
    ports = {"upstream": upstream, **({"candidate": candidate} if candidate else {})}
    filters = [{"name": "http", "typed_config": manager}]
    listener = {"name": "in", "address": _envoy_address(port), "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": [_envoy_cluster(*each) for each in ports.items()]}}


def _envoy_cluster(name: str, port: int) -> dict[str, object]:
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), 100_000)
    endpoint = {"endpoint": {"address": _envoy_address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "circuit_breakers": {"thresholds": [most]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _envoy_address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def version_said(*command: str) -> str:
    """The first line of what a program says about its version, without its name."""
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return (said.stdout + said.stderr).strip().splitlines()[0].rpartition(": ")[2].removeprefix("nginx/").strip()
