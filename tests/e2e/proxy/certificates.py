"""Certificates for tests: an authority of their own, and files with what it issues."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import trustme

from strangler.core.model import Tls


class Certificates:
    """An authority, trusted by nobody who is not told to.

    Attributes:
        ca: file with the authority's certificate.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca)

    def issue(self, *names: str, authority: trustme.CA | None = None, **more: Any) -> Tls:
        """A new certificate for these names, in the same files as the one before."""
        issued = (authority or self.authority).issue_cert(*(names or ("shop.example",)), **more)
        tls = Tls(str(self.folder / "cert.pem"), str(self.folder / "key.pem"))
        issued.private_key_pem.write_to_path(tls.key)
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(tls.cert, append=number > 0)
        return tls

    def serve(self, *names: str, **more: Any) -> ssl.SSLContext:
        """What a server with such a certificate speaks TLS with."""
        tls = self.issue(*names, **more)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.cert, tls.key)
        return context

    @property
    def client(self) -> ssl.SSLContext:
        """What a client that trusts the authority speaks TLS with."""
        return ssl.create_default_context(cafile=self.ca)
