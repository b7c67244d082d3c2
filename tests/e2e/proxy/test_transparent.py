"""A third-party application before and behind the proxy: real clients get the same answers, byte for byte.

The application echoes what it was sent. So a direct request carries what the proxy would have added, and then no difference
is left to be explained.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.running import free_port, running

from .certificates import Certificates

ROOT = Path(__file__).parents[3]
HOST = "shop.example"
SECONDS = 20
HOP = ("connection", "keep-alive", "transfer-encoding")  # they hold for one hop, and are each server's own

Header = tuple[str, str]


def added(scheme: str) -> list[Header]:
    """What the proxy tells an upstream. It keeps a request id that it gets, so both ways send one."""
    return [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", HOST),
        ("Forwarded", f"for=127.0.0.1;host={HOST};proto={scheme}"),
    ]


@dataclass(frozen=True)
class Ways:
    """Ports: of the application, and of the proxy before it."""

    direct: int
    proxied: int
    secured: int
    ca: str


@dataclass(frozen=True)
class Answer:
    """What a client got, but for the time of day."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    folder = tmp_path_factory.mktemp("transparent")
    certificates = Certificates(folder)
    tls = certificates.issue(HOST)
    made = Ways(free_port(), free_port(), free_port(), certificates.ca)
    listeners = [
        {"address": f"127.0.0.1:{made.proxied}"},
        {"address": f"127.0.0.1:{made.secured}", "tls": {"cert": tls.cert, "key": tls.key}},
    ]
    with (
        running("tests.e2e.proxy.application", str(made.direct), ready="ready on", cwd=ROOT),
        proxy(folder, made.direct, listeners),
    ):
        yield made


def proxy(folder: Path, upstream: int, listeners: Sequence[object]) -> AbstractContextManager[str]:
    """A proxy that has one upstream and no routes."""
    config = {
        "version": 1,
        "listen": listeners,
        "admin": {"address": "127.0.0.1:0"},
        "upstreams": {"legacy": {"url": f"http://127.0.0.1:{upstream}"}},
        "routes": [],
    }
    (folder / "routes.yaml").write_text(json.dumps(config))  # JSON is YAML
    return running("strangler", "serve", ready="serves", cwd=folder)


def answer(status: int, headers: Sequence[Header], body: bytes) -> Answer:
    lines = tuple((name, value) for name, value in headers if name.lower() not in (*HOP, "date"))
    if body[:2] == b"\x1f\x8b":
        body = body[:4] + bytes(4) + body[8:]  # RFC 1952 section 2.3.1: the time of day again
    return Answer(status, lines, body)


# httpx

FORM = {"name": "Ann", "city": "K\u00f6ln"}
FILES = {"photo": ("p.png", bytes(range(256)) * 300, "image/png"), "note": ("n.txt", b"hello", "text/plain")}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=0123456789"}

ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/get?x=1&show_env=1", {}),  # with the headers that it takes for a proxy's, Via among them
    ("GET", "/get?a=%2F%20%C3%A9&a=2&b", {"headers": {"X-Mine": "1", "Accept-Language": "de"}}),
    ("GET", "/anything/a%2Fb/../c;d=1//e", {}),
    ("GET", "/gzip", {}),
    ("GET", "/deflate", {}),
    ("GET", "/brotli", {}),
    ("GET", "/encoding/utf8", {}),
    ("GET", "/image/png", {}),
    ("GET", "/bytes/1024?seed=1", {}),
    ("GET", "/bytes/100000?seed=2", {}),
    ("GET", "/range/100", {}),
    ("GET", "/range/100", {"headers": {"Range": "bytes=10-19"}}),
    ("GET", "/range/100", {"headers": {"Range": "bytes=200-"}}),
    ("GET", "/stream/5", {}),
    ("GET", "/stream-bytes/5000?seed=1&chunk_size=100", {}),
    ("GET", "/drip?numbytes=5&duration=0.1&delay=0", {}),
    ("GET", "/redirect/2", {}),
    ("GET", "/relative-redirect/2", {}),
    ("GET", "/absolute-redirect/2", {}),
    ("GET", "/redirect-to?url=https%3A%2F%2Fother.example%2F&status_code=307", {}),
    ("GET", "/cookies/set?a=1&b=2", {}),
    ("GET", "/cookies/delete?a", {"headers": {"Cookie": "a=1; b=2"}}),
    ("GET", "/cookies", {"headers": {"Cookie": "a=1; b=2"}}),
    *(("GET", f"/status/{status}", {}) for status in (200, 204, 304, 400, 401, 404, 418, 429, 500, 503)),
    ("GET", "/etag/x", {"headers": {"If-None-Match": "x"}}),
    ("GET", "/response-headers?X-One=1&X-One=2", {}),
    ("GET", "/nothing-here", {}),
    ("GET", "/basic-auth/ann/secret", {}),
    ("GET", "/basic-auth/ann/secret", {"auth": ("ann", "secret")}),
    ("GET", "/basic-auth/ann/secret", {"auth": ("ann", "wrong")}),
    ("HEAD", "/get", {}),
    ("HEAD", "/bytes/1024?seed=1", {}),
    ("HEAD", "/status/500", {}),
    ("OPTIONS", "/get", {}),
    ("OPTIONS", "/post", {"headers": {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}}),
    ("TRACE", "/anything", {}),
    ("POST", "/post", {"json": {"a": [1, 2.50, None, "\u00e9"]}}),
    ("POST", "/post", {"data": FORM}),
    ("POST", "/post", {"data": FORM, "files": FILES, "headers": BOUNDARY}),
    ("POST", "/post", {"content": b""}),
    ("POST", "/post", {"content": bytes(range(256)) * 4000}),
    ("POST", "/status/413", {"content": b"x" * 1000}),
    ("PUT", "/put", {"json": {}}),
    ("PATCH", "/patch", {"content": b"x"}),
    ("DELETE", "/delete?id=7", {}),
    ("DELETE", "/delete", {"content": b"why"}),
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("method", "path", "more"), ASKED, ids=[f"{method} {path}" for method, path, _ in ASKED])
def test_httpx_gets_the_same(ways: Ways, scheme: str, method: str, path: str, more: dict[str, Any]) -> None:
    direct = with_httpx(f"http://127.0.0.1:{ways.direct}", ways.ca, method, path, added(scheme), more)
    port = ways.proxied if scheme == "http" else ways.secured
    assert with_httpx(f"{scheme}://127.0.0.1:{port}", ways.ca, method, path, [], more) == direct


def with_httpx(base: str, ca: str, method: str, path: str, headers: Sequence[Header], more: dict[str, Any]) -> Answer:
    content = {key: value for key, value in more.items() if key != "auth"}
    with httpx.Client(verify=trusting(ca) if ca else False, timeout=SECONDS) as client:
        request = client.build_request(method, base + path, extensions={"sni_hostname": HOST}, **content)
        request.headers["Host"] = HOST
        del request.headers["Connection"]  # said to one hop
        request.headers = httpx.Headers([*request.headers.multi_items(), ("X-Request-Id", "mine"), *headers])
        response = client.send(request, auth=more.get("auth"), stream=True)
        body = b"".join(response.iter_raw())
    return answer(response.status_code, response.headers.multi_items(), body)


@cache
def trusting(ca: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


# curl, which is told where the host is, so that it can follow redirects to it.

CURLED: list[tuple[str, ...]] = [
    ("/get?x=1&show_env=1",),
    ("/gzip", "--compressed"),
    ("/brotli", "-H", "accept-encoding: br"),
    ("/range/100", "-r", "-10"),
    ("/image/png",),
    ("/stream/5",),
    ("/absolute-redirect/2", "-L"),
    ("/relative-redirect/2", "-L"),
    ("/cookies/set?a=1&b=2", "-L", "-b", "x=1"),
    ("/basic-auth/ann/secret", "--anyauth", "-u", "ann:secret"),
    ("/status/304",),
    ("/status/204",),
    ("/get", "-I"),
    ("/get", "-0"),
    ("/post", "-d", "a=1&b=%20"),
    ("/post", "-H", "content-type: text/plain", "-H", "transfer-encoding: chunked", "-d", "in chunks"),
    ("/post", "-H", "expect: 100-continue", "-d", "asked for before it is sent"),
    ("/put", "-X", "PUT", "-d", "x"),
    ("/delete", "-X", "DELETE"),
    ("/anything", "-X", "OPTIONS", "--request-target", "/anything/%2e%2e/a%2Fb;c//d"),
]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: what it gets is not shown")


@needs_curl
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("arguments", CURLED, ids=" ".join)
def test_curl_gets_the_same(ways: Ways, scheme: str, arguments: tuple[str, ...]) -> None:
    said = [part for name, value in added(scheme) for part in ("-H", f"{name}: {value}")]
    direct = with_curl({80: ways.direct}, ways.ca, "http", (*arguments, *said))
    assert with_curl({80: ways.proxied, 443: ways.secured}, ways.ca, scheme, arguments) == direct


def with_curl(ports: Mapping[int, int], ca: str, scheme: str, arguments: tuple[str, ...]) -> list[Answer]:
    """The answers that curl got, one after the other if it followed redirects."""
    path, *options = arguments
    where = [part for usual, port in ports.items() for part in ("--connect-to", f"{HOST}:{usual}:127.0.0.1:{port}")]
    command = ["curl", "-sS", "-i", "--max-time", str(SECONDS), "--cacert", ca, *where, "-H", "X-Request-Id: mine", *options]
    rest = subprocess.run([*command, f"{scheme}://{HOST}{path}"], capture_output=True, check=True).stdout
    answers: list[Answer] = []
    while rest.startswith(b"HTTP/1."):
        head, _, rest = rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        answers.append(answer(int(first.split()[1]), headers, b""))
    assert answers
    return [*answers[:-1], Answer(answers[-1].status, answers[-1].headers, answer(0, (), rest).body)]


# nginx, which answers otherwise when it sees that a proxy asks: without `gzip_proxied` it compresses nothing then.

NGINX = """daemon off; worker_processes 1; pid {home}/pid; error_log stderr error; events {{ }}
http {{
  access_log off; default_type text/plain; gzip on; gzip_min_length 20; gzip_types text/plain;
  client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home}; uwsgi_temp_path {home}; scgi_temp_path {home};
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{text}"; }} }}
}}
"""
nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@pytest.mark.skipif(nginx is None, reason="nginx is not installed: that it goes on compressing is not shown")
def test_nginx_compresses_as_before(tmp_path: Path) -> None:
    direct, proxied = free_port(), free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(home=tmp_path, port=direct, text="something to compress " * 100))
    with serving_nginx(tmp_path, direct), proxy(tmp_path, direct, [{"address": f"127.0.0.1:{proxied}"}]):
        for accepted, coding in (("gzip, br", "gzip"), ("identity", None)):
            more = {"headers": {"Accept-Encoding": accepted}}
            before, behind = (with_httpx(f"http://127.0.0.1:{port}", "", "GET", "/", [], more) for port in (direct, proxied))
            assert before == behind
            assert (behind.status, dict(behind.headers).get("content-encoding")) == (200, coding)


@contextmanager
def serving_nginx(home: Path, port: int) -> Iterator[None]:
    assert nginx is not None
    process = subprocess.Popen([nginx, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")])
    try:
        until_answered(f"http://127.0.0.1:{port}/", process)
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def until_answered(url: str, process: subprocess.Popen[bytes]) -> None:
    with httpx.Client() as client:
        while process.poll() is None:
            with suppress(httpx.ConnectError):
                client.get(url)
                return
    raise AssertionError("nginx has ended")
