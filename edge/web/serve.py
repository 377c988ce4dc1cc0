"""Serve the page inside the daemon's loop.  Signals, logging and the end stay the daemon's."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from litestar import Litestar

from edge.shell.certificate import Certificate

# Open streams have this long to end when the daemon stops.
GRACE_S = 1


class _Guest(uvicorn.Server):
    """A server that leaves the process's signals alone: the daemon stops it by cancelling."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening(host: str, port: int) -> socket.socket:
    """Return a socket bound there; port 0 lets the system choose.

    Raises OSError naming the address where it is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # from here on a browser waits instead of being refused
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno,
            f"the page cannot be served at {host} port {port}: {error.strerror}; expected a free port",
        ) from None
    listener.setblocking(False)
    return listener


async def serve(
    app: Litestar,
    host: str,
    port: int,
    bound: Callable[[int], None] = lambda _: None,
    tls: Certificate | None = None,
) -> None:
    """Serve until cancelled.  bound: is told the port once it is open.  tls: over HTTPS, with this.

    At the end the desk's subscriptions end first, so that no open page holds it up.  Raises OSError as
    listening().
    """
    listener = listening(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http="h11",
        ws="none",
        lifespan="off",
        ssl_certfile=tls.cert_file if tls else None,
        ssl_keyfile=str(tls.key_file) if tls else None,
        server_header=False,
        limit_concurrency=256,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Guest(config)
    bound(listener.getsockname()[1])
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        app.state.desk.close()
        server.should_exit = True
        await task
        raise
    finally:
        listener.close()
