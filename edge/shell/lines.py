"""The lines to the devices as people look at them: how each does, and its frames for some seconds.

    lines = Lines(clock.now_ms)
    masters = buses.build(site, lines.hearing(say), clock); lines.masters = masters
    lines.status()                          every line, every device on it
    await lines.trace("bay-3", 5)           what went over its line meanwhile

Rule 1: looking asks the devices nothing; the masters go on as ever.
Rule 2: a trace is bounded, in time and in frames, and there is one at a time on a line.
"""

import asyncio
import time
from collections.abc import Callable

from edge.model.flow import AnyEvent, Identified, Lost
from edge.shell.answers import DeskError, DeviceStatus, Frame, LineStatus, Trace, UnknownError
from edge.shell.bus import Master
from edge.shell.framewords import say as in_words
from edge.shell.framewords import spaced
from edge.shell.member import Member

TRACE_MAX_S = 10
FRAMES_MAX = 400

# What a device says of itself; whatever else it tells while it is recognised is a reading.
IDENTITY = ("manufacturer", "model", "serial", "firmware")


class Lines:
    """All lines of a daemon."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.masters: list[Master] = []
        self._now_ms = now_ms
        self._heard: dict[str, Identified | Lost] = {}

    def hearing(self, say: Callable[[AnyEvent], None]) -> Callable[[AnyEvent], None]:
        """Return `say`, which remembers on the way who was found and who was lost."""

        def heard(event: AnyEvent) -> None:
            if isinstance(event, Identified | Lost):
                self._heard[event.device] = event
            say(event)

        return heard

    def status(self) -> list[LineStatus]:
        """Return every line with its devices, in the order of the site file."""
        return [
            LineStatus(
                name=master.name,
                kind="serial" if master.wire.serial else "tcp",
                connected=master.wire.connected,
                devices=[self._device(member) for member in master.members.values()],
            )
            for master in self.masters
        ]

    def _device(self, member: Member) -> DeviceStatus:
        heard, counts = self._heard.get(member.id), member.counts
        found = isinstance(heard, Identified)
        state = "looked for" if heard is None else "found" if found else "lost"
        identity = heard.identity if isinstance(heard, Identified) else {}
        return DeviceStatus(
            id=member.id,
            driver=member.device.table.name,
            unit=member.device.unit,
            state=state,
            why=heard.why if isinstance(heard, Lost) else "",
            since_ms=self._now_ms() - heard.at_ms if heard else None,
            identity={key: str(identity[key]) for key in IDENTITY if key in identity},
            requests=counts.requests,
            timeouts=counts.timeouts,
            errors=counts.errors,
            refusals=counts.refusals,
            answer_ms=counts.answer_ms,
        )

    async def trace(self, device: str, seconds: int) -> Trace:
        """Return the frames on a device's line in the coming seconds.  Raises DeskError."""
        if not 0 < seconds <= TRACE_MAX_S:
            raise DeskError(f"seconds: {seconds}: expected 1 to {TRACE_MAX_S}")
        master = next((each for each in self.masters if device in each.members), None)
        if master is None:
            known = ", ".join(name for each in self.masters for name in each.members) or "(there are none)"
            raise UnknownError(f"device: there is no {device[:40]!r}; expected one of {known}")
        if master.wire.tap is not None:
            raise DeskError(f"device: {master.name} is being traced already; expected one at a time")
        frames: list[Frame] = []
        began = time.monotonic()

        def tap(direction: str, _at: float, data: bytes) -> None:
            if len(frames) < FRAMES_MAX:
                words = in_words(master.wire.framing, direction, data)
                after_ms = round((time.monotonic() - began) * 1000)
                frames.append(Frame(after_ms, "out" if direction == "→" else "in", spaced(data), words))

        master.wire.tap = tap
        try:
            await asyncio.sleep(seconds)
        finally:
            master.wire.tap = None
        return Trace(device, master.name, seconds, frames)
