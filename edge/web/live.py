"""Server-sent events: what changed on the page, made once a tick and shared by all who look.

A reader that has missed nothing gets the changes; one that is new or late gets everything.  So a slow
phone costs the daemon nothing but its own line.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from edge.shell.answers import Status
from edge.shell.desk import Desk
from edge.web.day import key as day_key
from edge.web.fields import fields

# A comment this often tells both ends that the line still stands, also when no tick comes.
HEARTBEAT_S = 5.0
HEARTBEAT = b": still here\n\n"

# The browser tries again this soon after a lost connection.
RETRY_MS = 2_000

NOTHING = msgspec.Raw(b"{}")


class Live:
    """Keep the page's latest texts, and what brings others up to them.

    build: tells one shape of the page from another; a page of another build reloads itself.
    """

    def __init__(self, desk: Desk, build: str) -> None:
        self.readers = 0
        self._desk = desk
        self._build = build
        self._tick = 0
        self._now: dict[str, str] = {}
        self._since = 0  # the tick that _changes lead away from
        self._changes = NOTHING
        self._everything: msgspec.Raw | None = None
        self._day = ""

    def fields(self, status: Status) -> dict[str, str]:
        """Return the page's texts as of the desk's newest tick, made once a tick."""
        if self._tick != self._desk.ticks:
            before, self._now = self._now, fields(status)
            self._since, self._tick = self._tick, self._desk.ticks
            self._day = day_key(status)
            changed = {k: v for k, v in self._now.items() if before.get(k) != v}
            self._changes = msgspec.Raw(msgspec.json.encode(changed))
            self._everything = None
        return self._now

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield everything, then the changes of every tick, until the daemon stops."""
        self.readers += 1
        try:
            yield f"retry: {RETRY_MS}\n\n".encode()
            seen = 0
            while not self._desk.closed:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._desk.newer(seen)
                except TimeoutError:
                    yield HEARTBEAT
                    continue
                if self._desk.ticks != seen:
                    yield self._message(seen)
                    seen = self._tick
        finally:
            self.readers -= 1

    def _message(self, seen: int) -> bytes:
        """Return what a reader lacks that has seen a tick; 0 for none."""
        status = self._desk.status()
        self.fields(status)
        known = {"build": self._build, "day": self._day, "at": status.time, "age_ms": status.age_ms}
        lacks = self._changes if seen and seen == self._since else self._all()
        return b"data: " + msgspec.json.encode({**known, "set": lacks}) + b"\n\n"

    def _all(self) -> msgspec.Raw:
        if self._everything is None:
            self._everything = msgspec.Raw(msgspec.json.encode(self._now))
        return self._everything
