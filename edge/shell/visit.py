"""A visit to one device: recognise it, look at it, perhaps write a setting, go.  For commands.

Keeps to what the device bears, asks what is garbled once more, and writes only what the allow-list holds.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from drivers.device import Device, NotAllowed
from drivers.wire import Read, Reply, Write
from edge.shell.bus import THINK_SERIAL_MS, THINK_TCP_MS
from edge.shell.modbus import Wire
from edge.shell.outcome import Counts, Garbage, Refused, Silent


class Look(NamedTuple):
    """What a device said.  values: quantities by key; replies: the registers of every read."""

    identity: dict[str, int | str]
    values: dict[str, int | str]
    replies: dict[Read, Reply]
    silent: list[Read]


class Visit:
    """One device on an open wire.  timeout_ms: 0 for the device's or line's own."""

    def __init__(self, wire: Wire, device: Device, timeout_ms: int = 0) -> None:
        self.wire, self.device = wire, device
        self.counts = Counts()
        self._pacing = device.pacing()
        own_ms = self._pacing.timeout_ms or (THINK_SERIAL_MS if wire.serial else THINK_TCP_MS)
        self._timeout_ms = timeout_ms or own_ms
        self._twice = any(t.send_twice for t in device.table.transports if t.type == wire.kind)
        self._after_s = 0.0
        self._told: dict[Read, Reply] = {}  # what it was recognised by

    async def recognise(self) -> dict[str, int | str]:
        """Return the device's identity.  Raises NotRecognised, Silent, Garbage, Unplugged."""
        replies: dict[Read, Reply] = {}
        silent: set[Read] = set()
        while reads := [r for r in self.device.identify(replies) if r not in silent]:
            for read in reads:
                try:
                    replies[read] = await self.fetch(read)
                except Silent:
                    if not replies:
                        raise
                    silent.add(read)
        self._told = replies
        return self.device.recognise(replies)

    async def look(self) -> Look:
        """Recognise the device and read everything that it can tell, once."""
        identity = await self.recognise()
        replies: dict[Read, Reply] = {}
        silent: list[Read] = []
        todo = self._polls()
        while todo:
            read = todo.pop(0)
            try:
                replies[read] = await self.fetch(read)
            except Silent:
                silent.append(read)
                continue
            if isinstance(replies[read], int) and self.device.refuse(read):
                todo = [r for r in self._polls() if r not in replies and r not in silent]
        values = {**identity, **self.device.decode(replies)}
        return Look(identity, values, {**self._told, **replies}, silent)

    async def write(self, writes: Iterable[Write], commissioning: bool = False) -> None:
        """Write what the allow-list holds.  Raises NotAllowed before anything is sent, and Refused."""
        planned = list(writes)
        for write in planned:
            if not self.device.allowed(write, commissioning=commissioning):
                raise NotAllowed(f"{write} is not on the allow-list of {self.device.table.name}")
        for write in planned:
            reply = await self._ask(write)
            if isinstance(reply, int):
                raise Refused(reply)

    async def written(self, write: Write) -> bool | None:
        """Read back a write; None where the device cannot show it."""
        reads = self.device.read_back(write)
        return self.device.check_written(write, {read: await self.fetch(read) for read in reads})

    async def fetch(self, read: Read) -> Reply:
        """Read, and once more if what came was garbled.  A refusal is a reply."""
        try:
            return await self._ask(read)
        except Garbage:
            return await self._ask(read)

    async def once(self, read: Read) -> Reply:
        """Read, and not once more: to count how often that fails.  Raises Silent, Garbage, Unplugged."""
        return await self._ask(read)

    async def _ask(self, question: Read | Write) -> Reply:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._after_s - loop.time()))
        try:
            return await self.wire.ask(question, self._timeout_ms, self.counts, twice=self._twice)
        except Refused as error:
            return error.code
        finally:
            every_ms = self._pacing.read_every_ms if isinstance(question, Read) else 0
            self._after_s = loop.time() + max(self._pacing.gap_ms, every_ms) / 1000

    def _polls(self) -> list[Read]:
        return [read for poll in self.device.polls() for read in poll.reads]
