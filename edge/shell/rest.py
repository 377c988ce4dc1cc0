"""One HTTPS request after the other, for threads: bounded in time and in size, JSON in and out.

    client = Client("utility.vtn", ca_file=…)
    status, body = client.ask("GET", "https://vtn.example.com/events?limit=50", headers)

Rule 1: an answer, of whatever status, is returned; everything else is Unreachable with the address in it.
Rule 2: a request takes at most WITHIN_S from its first byte to its last, however slowly the other end
    speaks; an answer has at most MAX_BYTES.
Rule 3: TLS 1.2 at least, certificate and host name always checked.  http:// only where the site file has it
    (this machine).  A redirect is not followed: a token goes to nobody but the address that was written down.

What is asked is not here: see vtn.py and token.py.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from edge.shell.release import release

WITHIN_S = 20.0
CONNECT_S = 10.0
MAX_BYTES = 16 << 20


class Unreachable(OSError):
    """There is no answer: no route, no TLS, too slow, too long, or not HTTP.  Says the address and why."""


class BadFiles(Exception):
    """A certificate's file cannot be used.  Says the key, the file and the expectation."""


class Answer(NamedTuple):
    """An HTTP answer.  body: as it came."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON: no NaN, no half characters.  Raises ValueError if it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError("not JSON") from error


class Client:
    """What asks.  name: of the table and key in the site file, for messages to people."""

    def __init__(self, name: str, ca_file: str = "", cert_file: str = "", key_file: str = "") -> None:
        """Prepare TLS.  Raises BadFiles."""
        self._context = tls_context(name, ca_file, cert_file, key_file)
        self._open: set[http.client.HTTPConnection] = set()
        self._closed = False

    def ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        within_s: float = WITHIN_S,
    ) -> Answer:
        """Ask, and return the answer.  Blocks; call it in a thread.  Raises Unreachable."""
        try:
            parts = urlsplit(url)
            connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        except (ValueError, http.client.HTTPException) as error:
            raise Unreachable(f"{url}: {error}") from None
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        is_late = threading.Event()

        def give_up() -> None:
            is_late.set()
            _hang_up(connection)

        late = threading.Timer(within_s, give_up)
        late.daemon = True
        late.start()
        self._open.add(connection)
        try:
            if self._closed:
                raise Unreachable(f"{url}: closing")
            connection.request(method, target or "/", body, _HEADERS | (headers or {}))
            response = connection.getresponse()
            found = response.read(MAX_BYTES + 1)
            if len(found) > MAX_BYTES:
                raise Unreachable(f"{url}: an answer of more than {MAX_BYTES >> 20} MiB")
            if response.length or is_late.is_set():  # http.client gives the part that came
                raise ValueError("the answer was cut off")
            return Answer(response.status, found)
        except Unreachable:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"no whole answer within {within_s:g} s" if is_late.is_set() else _words(error)
            raise Unreachable(f"{url}: {why}") from None
        finally:
            late.cancel()
            self._open.discard(connection)
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=CONNECT_S, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=CONNECT_S)

    def close(self) -> None:
        """Break what is going on, so that no thread outlives the daemon by more than a moment."""
        self._closed = True
        for connection in self._open.copy():
            _hang_up(connection)


_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": f"depot-edge/{release()}",
}


def _hang_up(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def tls_context(name: str, ca_file: str = "", cert_file: str = "", key_file: str = "") -> ssl.SSLContext:
    """Return TLS settings for a client: 1.2 at least, certificate and host name always checked.

    name: of the place in the site file.  Raises BadFiles naming key and file.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    if ca_file:
        with _named(name, f"ca_file {ca_file}", "certificates in PEM"):
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file:
        files = f"cert_file {cert_file}, key_file {key_file or 'in the same file'}"
        with _named(name, files, "a certificate and its key in PEM, without pass phrase"):
            context.load_cert_chain(cert_file, key_file or None, password=lambda: "")
    return context


@contextlib.contextmanager
def _named(name: str, key: str, expected: str) -> Any:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise BadFiles(f"{name}: {key}: expected {expected}: {_words(error)}") from None


def secret(name: str, path: str) -> str:
    """Return what stands in a file of a secret, without its line end.  Raises BadFiles."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(4_096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFiles(f"{name} {path}: {_words(error)}") from None


def _words(reason: object) -> str:
    """Return an exception as people read it."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"certificate: {reason.verify_message}"
    if isinstance(reason, http.client.HTTPException):
        return f"not HTTP ({type(reason).__name__})"
    if isinstance(reason, OSError):
        return reason.strerror or str(reason) or type(reason).__name__
    return str(reason)
