"""Certificates for tests of TLS, which the command openssl makes in the directory of a test."""

import os
import shutil
import ssl
import subprocess
from typing import Any

import harness

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


class Authority:
    """A certificate authority and the certificates that it issues."""

    def __init__(self, folder: str, name: str = "authority") -> None:
        harness.need(shutil.which("openssl"), "openssl")
        self.folder, self.name = folder, name
        self._openssl("req", "-x509", *KEY, "-nodes", "-subj", f"/CN={name}", "-days", "2",
                      "-keyout", self.key(name), "-out", self.cert(name))

    def _openssl(self, *args: str) -> None:
        done = subprocess.run(["openssl", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=harness.GUARD, check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {args[0]} failed:\n{done.stderr}")

    def cert(self, name: str | None = None) -> str:
        """Returns the path of a certificate, by default the authority's own."""
        return os.path.join(self.folder, (name or self.name) + ".pem")

    def key(self, name: str) -> str:
        """Returns the path of a private key."""
        return os.path.join(self.folder, name + ".key")

    def _sign(self, request: str, extensions: str, cert: str, start: str, end: str) -> None:
        """Signs a request for any period, which `openssl x509` cannot do in every version."""
        config, database = os.path.join(self.folder, "ca.conf"), os.path.join(self.folder, "ca.txt")
        with open(config, "w", encoding="ascii") as file:
            file.write("[ca]\ndefault_ca = here\n[policy]\ncommonName = supplied\n[here]\npolicy = policy\n"
                       f"database = {database}\nnew_certs_dir = {self.folder}\nrand_serial = yes\n"
                       "default_md = sha256\nunique_subject = no\n")
        with open(database, "w", encoding="ascii"):
            pass
        self._openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.cert(),
                      "-keyfile", self.key(self.name), "-in", request, "-extfile", extensions,
                      "-startdate", start, "-enddate", end, "-out", cert)

    def issue(self, name: str, address: str = "IP:127.0.0.1", has_expired: bool = False,
              passphrase: str | None = None) -> tuple[str, str]:
        """Issues a certificate for a server at the address or a client of the name; returns its path and the key's."""
        request, extensions = os.path.join(self.folder, name + ".csr"), os.path.join(self.folder, name + ".ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName = {address}\n")
        lock = ["-passout", "pass:" + passphrase] if passphrase else ["-nodes"]
        self._openssl("req", "-new", *KEY, *lock, "-subj", f"/CN={name}", "-keyout", self.key(name), "-out", request)
        end = "20200102000000Z" if has_expired else "20990101000000Z"
        self._sign(request, extensions, self.cert(name), "20200101000000Z", end)
        return self.cert(name), self.key(name)

    def server(self, name: str = "server", clients: ssl.VerifyMode = ssl.CERT_NONE, **options: Any) -> ssl.SSLContext:
        """Returns the context of a TLS server; `clients` says whether it asks clients for a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, **options))
        if clients != ssl.CERT_NONE:
            context.load_verify_locations(self.cert())
            context.verify_mode = clients
        return context
