"""A throw-away certificate authority, for listeners with ``tls: ca``: made at the first start, kept in a folder that only its
owner can look into, and trusted by whoever is told to trust it.

What it signs is short-lived, and made anew before it ends or when other names are wanted.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strangler.core.errors import UsageError
from strangler.core.model import Tls

FOLDER = "strangler-ca"  # beside the configuration
CERTIFICATE, KEY = "ca.pem", "ca.key"
LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=90)
RENEW = timedelta(days=30)  # before its end
_SKEW = timedelta(days=1)  # of clocks
_CURVE = ec.SECP256R1()


class Authority:
    """The authority of one folder. Raises UsageError if it can neither be read nor made.

    Attributes:
        certificate: file to be trusted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / CERTIFICATE
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self.made = not (folder / KEY).exists()
            if self.made:
                self._make()
            self._cert = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = load_pem_private_key((folder / KEY).read_bytes(), None)
        except OSError as error:
            raise UsageError(f"{folder} cannot be made or read: {error.strerror}; or give tls: {{cert: …, key: …}}") from None
        except ValueError:
            raise UsageError(f"{folder} does not hold an authority: remove it, and the next start makes another") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or folder.stat().st_mode & 0o077:
            raise UsageError(f"{folder} can be read by others, or its key is not ours: chmod 700 it, or remove it")
        self._key = key

    def leaf(self, names: Iterable[str], now: datetime | None = None) -> Tls:
        """A certificate for these names and addresses, with its key: the one that is there, if it will do."""
        wanted = sorted(dict.fromkeys(name.lower().rstrip(".") for name in names))
        now = now or datetime.now(UTC)
        cert, key = self._folder / "leaf.pem", self._folder / "leaf.key"
        if not _will_do(cert, key, wanted, self._cert, now):
            self._issue(cert, key, wanted, now)
        return Tls(str(cert), str(key))

    def _make(self) -> None:
        key, now = ec.generate_private_key(_CURVE), datetime.now(UTC)
        name = _name(f"Strangler of {socket.gethostname()[:40]}, {now:%Y-%m-%d}")
        builder = _builder(name, name, key.public_key(), now, LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs=True), critical=True)
        cert = builder.sign(key, hashes.SHA256())
        _write(self.certificate, cert.public_bytes(Encoding.PEM))
        _write(self._folder / KEY, _pem(key))

    def _issue(self, cert: Path, key: Path, names: Sequence[str], now: datetime) -> None:
        secret = ec.generate_private_key(_CURVE)
        builder = _builder(_name(names[0][:60]), self._cert.subject, secret.public_key(), now, LEAF_LIFE)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectAlternativeName([_alternative(name) for name in names]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        ):
            builder = builder.add_extension(extension, critical)
        issued = builder.sign(self._key, hashes.SHA256())
        _write(key, _pem(secret))
        _write(cert, issued.public_bytes(Encoding.PEM))


def _will_do(cert: Path, key: Path, names: Sequence[str], authority: x509.Certificate, now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(cert.read_bytes())
        secret = load_pem_private_key(key.read_bytes(), None)
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found.verify_directly_issued_by(authority)
    except Exception:  # whatever is wrong with it, another one is made
        return False
    mine = getattr(secret, "public_key", lambda: None)() == found.public_key()
    return mine and list(told) == [_alternative(name) for name in names] and found.not_valid_after_utc - now > RENEW


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - _SKEW, now + life)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for its owner's eyes only."""
    draft = f"{path}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
