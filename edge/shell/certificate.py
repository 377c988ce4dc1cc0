"""The page's self-made certificate: made once, renewed in time, told by its fingerprint.

    own = certificate.own(state, ("192.168.1.20",), wall_ms)       raises CannotCertify
    own.fingerprint         "3A:1F:…": what a browser shows under "SHA-256 fingerprint"

Nobody vouches for it but the person who compares the fingerprint on the gateway's console with the one in the
browser.  The key is made with the first certificate and stays; mode 0600.

It is made by the program openssl, which every Debian has that knows certificates at all: a library for one
call in two years would stay in the daemon's memory.

Source: RFC 5280 (fields), RFC 6125 (names stand in subjectAltName); 825 days are the most that Apple's
systems take of any certificate ("Requirements for trusted certificates in iOS 13 and macOS 10.15").
"""

import hashlib
import ipaddress
import socket
import ssl
import subprocess
from pathlib import Path

import msgspec

from edge.model.units import DAY_MS
from edge.shell.statedir import CERTIFICATE, CERTIFICATE_KEY

VALID_DAYS = 825
RENEWED_DAYS = 30
OPENSSL_S = 30


class CannotCertify(Exception):
    """There is no certificate, and none can be made.  Says why."""


class Certificate(msgspec.Struct, frozen=True):
    """A certificate and its key, as files.  until_wall_ms: it is valid until then."""

    cert_file: Path
    key_file: Path
    fingerprint: str
    until_wall_ms: int


def own(state: Path, names: tuple[str, ...], wall_ms: int) -> Certificate:
    """Return the gateway's own certificate for its host name and `names`; make or renew it where needed.

    Blocks.  Raises CannotCertify.
    """
    cert, key = state / CERTIFICATE, state / CERTIFICATE_KEY
    try:
        if cert.exists() and key.exists():
            found = read(cert, key)
            if found.until_wall_ms - wall_ms > RENEWED_DAYS * DAY_MS and _names(names) <= _names_of(cert):
                return found
        _make(cert, key, names)
        return read(cert, key)
    except OSError as error:
        raise CannotCertify(f"{cert}: {error.strerror or error}") from None


def read(cert: Path, key: Path) -> Certificate:
    """Return what a certificate says, of ours or of the site file.  Raises CannotCertify."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        first = cert.read_text(encoding="ascii", errors="replace").split("-----END CERTIFICATE-----")[0]
        der = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN") :] + "-----END CERTIFICATE-----\n")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise CannotCertify(f"{cert}: no certificate with its key {key}: {error}") from None
    digest = hashlib.sha256(der).hexdigest().upper()
    fingerprint = ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))
    until = ssl.cert_time_to_seconds(_said(cert, "-enddate").removeprefix("notAfter=").strip())
    return Certificate(cert, key, fingerprint, until * 1000)


def _make(cert: Path, key: Path, names: tuple[str, ...]) -> None:
    if not key.exists():
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key))
        key.chmod(0o600)
    host = socket.gethostname()[:64] or "depot-edge"
    beside = cert.with_name(f"{cert.name}.new")
    _openssl(
        "req", "-x509", "-new", "-key", str(key), "-sha256", "-days", str(VALID_DAYS),
        "-subj", f"/O=depot-edge/CN={host}", "-out", str(beside),
        "-addext", f"subjectAltName={','.join(sorted(_names(names)))}",
        "-addext", "extendedKeyUsage=serverAuth", "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    beside.replace(cert)


def _names(names: tuple[str, ...]) -> set[str]:
    """Return names as they stand in subjectAltName; addresses that mean all of them are left out."""
    host = socket.gethostname()[:64]
    found = {"DNS:localhost", *([f"DNS:{host}", f"DNS:{host}.local"] if host else [])}
    for name in names:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            found.add(f"DNS:{name}")
            continue
        if not address.is_unspecified:
            found.add(f"IP:{address}")
    return found


def _names_of(cert: Path) -> set[str]:
    """Return the names that a certificate is for."""
    lines = _said(cert, "-ext", "subjectAltName").splitlines()
    parts = (part.strip() for line in lines[1:] for part in line.split(","))
    return {_plain(part) for part in parts if part}


def _plain(name: str) -> str:
    """Return a name of a certificate as _names() writes it."""
    kind, _, value = name.partition(":")
    return f"IP:{ipaddress.ip_address(value)}" if kind == "IP Address" else name


def _said(cert: Path, *what: str) -> str:
    return _openssl("x509", "-in", str(cert), "-noout", *what)


def _openssl(*words: str) -> str:
    """Run openssl.  Raises CannotCertify."""
    try:
        done = subprocess.run(
            ["openssl", *words],
            capture_output=True, timeout=OPENSSL_S, check=False, stdin=subprocess.DEVNULL, umask=0o077,
        )  # fmt: skip
    except FileNotFoundError:
        raise CannotCertify(
            "the program openssl is not there: apt-get install openssl, or give [page] cert_file and key_file"
        ) from None
    except subprocess.TimeoutExpired:
        raise CannotCertify(f"openssl {words[0]} has not ended within {OPENSSL_S} s") from None
    if done.returncode:
        raise CannotCertify(f"openssl {words[0]}: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout.decode(errors="replace")
