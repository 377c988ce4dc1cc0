"""What systemd is told: READY after the first finished tick, and a sign of life after every one.

    guests = [keep_told, …]        does nothing where nobody listens (no NOTIFY_SOCKET)

Rule 1: only a finished tick counts: its record is there, so its setpoints have been handed on.  A daemon that
        hangs, or whose ticks fail, is not fed, is killed and started anew (by then chargers fall back, I4).
Rule 2: systemd that does not listen must not stop the depot: what cannot be sent is left out.

Source: sd_notify(3): datagrams of NAME=value lines to the socket in $NOTIFY_SOCKET; "@" is an abstract name.
"""

import contextlib
import os
import socket

from edge.shell import words
from edge.shell.answers import Status
from edge.shell.desk import Desk

EVERY_TICKS = 30  # the line that `systemctl status` shows


async def keep_told(desk: Desk) -> None:
    """Tell systemd of every finished tick until the desk closes, then that we stop."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.setblocking(False)
        with contextlib.suppress(OSError):
            wire.connect("\0" + address[1:] if address.startswith("@") else address)
        seen = 0
        try:
            while not desk.closed:
                await desk.newer(seen)
                if desk.ticks == seen:
                    continue
                first, seen = seen == 0, desk.ticks
                said = ["READY=1"] if first else []
                said.append("WATCHDOG=1")
                if first or seen % EVERY_TICKS == 0:
                    said.append(f"STATUS={_line(desk.status())}")
                _send(wire, *said)
        finally:
            _send(wire, "STOPPING=1")


def _send(wire: socket.socket, *lines: str) -> None:
    with contextlib.suppress(OSError):
        wire.send("\n".join(lines).encode())


def _line(status: Status) -> str:
    power = words.kw(status.power_w) if status.power_w is not None else "power unknown"
    charging = sum(c.kind == "charging" for c in status.chargers)
    alerts = [*status.violations, status.fallback]
    return "; ".join([f"{power}, {charging} of {len(status.chargers)} charging", *(a for a in alerts if a)])
