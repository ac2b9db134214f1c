"""Certificates for tests of TLS, made by the command openssl in a test's own directory."""

import os
import shutil
import ssl
import subprocess

import harness

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


class Authority:
    """A certificate authority, and what it issues."""

    def __init__(self, folder, name="authority"):
        harness.need(shutil.which("openssl"), "openssl")
        self.folder, self.name = folder, name
        self._openssl("req", "-x509", *KEY, "-nodes", "-subj", f"/CN={name}", "-days", "2",
                      "-keyout", self.key(name), "-out", self.cert(name))

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=harness.GUARD, check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {args[0]} failed:\n{done.stderr}")

    def cert(self, name=None):
        return os.path.join(self.folder, (name or self.name) + ".pem")

    def key(self, name):
        return os.path.join(self.folder, name + ".key")

    def _sign(self, request, extensions, cert, start, end):
        """Signs a request for any time, which `openssl x509` cannot do in every version."""
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

    def issue(self, name, address="IP:127.0.0.1", has_expired=False, passphrase=None):
        """A certificate for a server at the address or for a client of the name."""
        request, extensions = os.path.join(self.folder, name + ".csr"), os.path.join(self.folder, name + ".ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName = {address}\n")
        lock = ["-passout", "pass:" + passphrase] if passphrase else ["-nodes"]
        self._openssl("req", "-new", *KEY, *lock, "-subj", f"/CN={name}", "-keyout", self.key(name), "-out", request)
        end = "20200102000000Z" if has_expired else "20990101000000Z"
        self._sign(request, extensions, self.cert(name), "20200101000000Z", end)
        return self.cert(name), self.key(name)

    def server(self, name="server", clients=ssl.CERT_NONE, **options):
        """What a backend speaks TLS with; `clients` says whether it asks them for a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, **options))
        if clients != ssl.CERT_NONE:
            context.load_verify_locations(self.cert())
            context.verify_mode = clients
        return context
