"""The sample shop through the proxy: the same bytes as directly, with curl as the client."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import shop_behind_proxy

# Method, path and extra curl arguments; all of these answer with the same bytes each time they are asked.
ASKED = [
    ("GET", "/", ()),
    ("GET", "/products", ()),
    ("GET", "/products/1", ()),
    ("GET", "/products/999999", ()),
    ("GET", "/login?next=%2Faccount", ()),
    ("GET", "/account", ()),
    ("HEAD", "/api/products/1", ()),
    ("GET", "/api/products?page=2&size=10", ()),
    ("GET", "/api/products", ("-H", "accept-encoding: gzip")),
    ("GET", "/api/orders/1", ()),
    ("GET", "/api/orders/x", ()),
    ("GET", "/api/search?q=%C3%A9", ()),
    ("GET", "/api/reports/sales.csv", ()),
    ("GET", "/images/1.png", ()),
    ("GET", "/images/1.png", ("-r", "5-20")),
    ("GET", "/go/1", ()),
    ("GET", "/whoami", ()),
    ("GET", "/events?count=2&interval=0.05", ()),
    ("POST", "/api/orders", ("-H", "content-type: application/json", "-d", "{not json")),
    ("POST", "/api/orders", ("-H", "content-type: application/json", "-d", "{}")),
    ("PUT", "/api/orders/1", ("-H", "content-type: application/json", "-d", '{"status": "nonsense"}')),
    ("POST", "/login", ("-d", "email=nobody@example.org&password=wrong")),
    ("DELETE", "/api/products/1", ()),
    ("OPTIONS", "/api/products/1", ()),
]


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Addresses of the legacy shop, directly and through the proxy."""
    with shop_behind_proxy(tmp_path_factory.mktemp("shop")) as addresses:
        yield addresses


@pytest.mark.parametrize(("method", "path", "arguments"), ASKED, ids=[f"{method} {path}" for method, path, _ in ASKED])
def test_same_answer_through_the_proxy(shops: tuple[str, str], method: str, path: str, arguments: tuple[str, ...]) -> None:
    direct, proxied = shops
    # The same Host both ways, as it is when the proxy has taken the application's address over.
    assert curl(proxied, direct, method, path, arguments) == curl(direct, direct, method, path, arguments)


def curl(url: str, host: str, method: str, path: str, arguments: tuple[str, ...]) -> tuple[list[str], bytes]:
    """Head lines (but for the clock, and how the body is framed on this hop) and body bytes of an answer."""
    verb = ("-I",) if method == "HEAD" else ("-X", method)
    command = [
        "curl",
        "-sS",
        "-i",
        "--max-time",
        "10",
        *verb,
        "-H",
        f"host: {host.removeprefix('http://')}",
        *arguments,
        url + path,
    ]
    head, _, body = subprocess.run(command, capture_output=True, check=True).stdout.partition(b"\r\n\r\n")
    hop = ("date:", "transfer-encoding:", "connection:", "keep-alive:")
    return [line for line in head.decode("latin-1").split("\r\n") if not line.lower().startswith(hop)], body


def test_upload_and_session(shops: tuple[str, str], tmp_path: Path) -> None:
    payload = tmp_path / "photo.bin"
    payload.write_bytes(bytes(range(256)) * 4096)
    answers = [
        subprocess.run(["curl", "-sS", "-F", f"file=@{payload}", f"{url}/api/uploads"], capture_output=True, check=True).stdout
        for url in shops
    ]
    hashes = [answer.partition(b'"sha256"')[2][:70] for answer in answers]
    assert hashes[0] == hashes[1] != b""
