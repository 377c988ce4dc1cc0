"""Where the page is served: at the gateway itself over plain HTTP, to everybody else over HTTPS only.

    await open_doors(desk, host, port, state)        until cancelled

The site file's [page] address is a door of its own beside the one of `depot run --host --port`.  A
certificate that cannot be had closes the door that needs it; the depot is controlled all the same, and the
log says why.
"""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.shell import certificate
from edge.shell.certificate import CannotCertify, Certificate
from edge.shell.desk import Desk
from edge.web.app import app
from edge.web.serve import serve

log = logging.getLogger("edge.page")


class Door(NamedTuple):
    """An address and a port."""

    host: str
    port: int

    @property
    def here(self) -> bool:
        """Tell whether only this machine can come in: then nobody listens on the way."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def doors(desk: Desk, host: str, port: int) -> list[Door]:
    """Return where the page is served: as the command says, and as the site file says."""
    page = desk.site.page
    return [Door(host, port), *([Door(page.address, page.port)] if page.address else [])]


async def open_doors(desk: Desk, host: str, port: int, state: Path) -> None:
    """Serve the page at all of its doors until cancelled.  Raises OSError where one is taken."""
    application = app(desk)
    async with asyncio.TaskGroup() as tasks:
        for door in doors(desk, host, port):
            tls = None
            if not door.here:
                try:
                    tls = await asyncio.to_thread(_certificate, desk, door.host, state)
                except CannotCertify as error:
                    log.error("page: not served at %s port %d: %s", door.host, door.port, error)
                    continue
            tasks.create_task(serve(application, door.host, door.port, _told(desk, door, tls), tls))


def _certificate(desk: Desk, host: str, state: Path) -> Certificate:
    page = desk.site.page
    if page.cert_file:
        return certificate.read(Path(page.cert_file), Path(page.key_file))
    names = tuple(dict.fromkeys(name for name in (host, page.address) if name))
    return certificate.own(state, names, time.time_ns() // 1_000_000)


def _told(desk: Desk, door: Door, tls: Certificate | None) -> Callable[[int], None]:
    def bound(port: int) -> None:
        host = f"[{door.host}]" if ":" in door.host else door.host
        log.info("page: %s://%s:%d", "https" if tls else "http", host, port)
        code = desk.reception.first_code
        if tls:  # also with --quiet: without them nobody can tell that it is we, or come in
            log.warning("page: SHA-256 fingerprint of its certificate: %s", tls.fingerprint)
            if code:
                log.warning("page: nobody has an account yet; the first one takes the code %s", code)
        elif code:
            log.info("page: nobody has an account yet; the first one is made at /sign-in")

    return bound
