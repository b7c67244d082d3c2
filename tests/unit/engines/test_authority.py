"""The throw-away authority: made once, for its owner's eyes, and its certificates hold for whoever trusts it."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509

from strangler.core.errors import UsageError
from strangler.core.model import Tls
from strangler.engines.authority import CERTIFICATE, KEY, LEAF_LIFE, RENEW, Authority

NAMES = ["localhost", "127.0.0.1", "shop.example", "*.example.org"]


def authority(folder: Path) -> Authority:
    return Authority(folder / "ca")


def handshake(tls: Tls, ca: Path, name: str) -> None:
    """Raises ssl.SSLError if a client that trusts the authority does not take the certificate for this name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tls.cert, tls.key)
    client = ssl.create_default_context(cafile=str(ca))
    ins = [ssl.MemoryBIO() for _ in range(2)]
    ends = [server.wrap_bio(ins[0], ins[1], server_side=True), client.wrap_bio(ins[1], ins[0], server_hostname=name)]
    done = [False, False]
    for _ in range(10):
        for at, end in enumerate(ends):
            try:
                end.do_handshake()
                done[at] = True
            except ssl.SSLWantReadError:
                pass
    assert done == [True, True]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "shop.example", "a.example.org"])
def test_clients_that_trust_it_take_its_certificates(tmp_path: Path, name: str) -> None:
    made = authority(tmp_path)
    handshake(made.leaf(NAMES), made.certificate, name)


def test_and_for_no_other_name(tmp_path: Path) -> None:
    made = authority(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made.leaf(NAMES), made.certificate, "bank.example")


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    made = authority(tmp_path)
    made.leaf(NAMES)
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "ca").iterdir()} == {0o600}


def test_it_stays_the_same(tmp_path: Path) -> None:
    first = authority(tmp_path)
    leaf = Path(first.leaf(NAMES).cert).read_bytes()
    second = authority(tmp_path)
    assert (first.made, second.made) == (True, False)
    assert Path(second.leaf(reversed(NAMES)).cert).read_bytes() == leaf


def test_another_name_or_time_makes_another_certificate(tmp_path: Path) -> None:
    made = authority(tmp_path)
    leaves = [Path(made.leaf(NAMES).cert).read_bytes(), Path(made.leaf([*NAMES, "more.example"]).cert).read_bytes()]
    now = datetime.now(UTC)
    for later in (LEAF_LIFE - RENEW - timedelta(days=1), LEAF_LIFE - RENEW + timedelta(days=1)):
        leaves.append(Path(made.leaf([*NAMES, "more.example"], now + later).cert).read_bytes())
    assert [one != other for one, other in pairwise(leaves)] == [True, False, True]
    assert x509.load_pem_x509_certificate(leaves[-1]).not_valid_after_utc > now + LEAF_LIFE


@pytest.mark.parametrize("name", ["leaf.pem", "leaf.key"])
def test_a_damaged_certificate_is_made_anew(tmp_path: Path, name: str) -> None:
    made = authority(tmp_path)
    made.leaf(NAMES)
    (tmp_path / "ca" / name).write_bytes(b"nothing")
    handshake(made.leaf(NAMES), made.certificate, "shop.example")


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    authority(tmp_path)
    (tmp_path / "ca").chmod(0o755)
    with pytest.raises(UsageError, match=r"can be read by others.*chmod 700"):
        authority(tmp_path)
    (tmp_path / "ca").chmod(0o700)
    (tmp_path / "ca" / KEY).write_bytes(b"nothing")
    with pytest.raises(UsageError, match="does not hold an authority: remove it"):
        authority(tmp_path)
    (tmp_path / "ca" / KEY).unlink()
    (tmp_path / "ca" / CERTIFICATE).unlink()
    (tmp_path / "ca").rmdir()
    (tmp_path / "ca").write_text("a file")
    with pytest.raises(UsageError, match="cannot be made or read"):
        authority(tmp_path)
