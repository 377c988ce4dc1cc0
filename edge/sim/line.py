"""A serial line that takes its time: bytes arrive at the rate of the line, collisions are garbled.

Pseudo-terminals carry any number of bytes at once, so a bus master that looks fine on one may be late or
out of turn on RS-485.  Here a byte arrives one character time after the byte before it (or after it was
written, if the line was idle), on deadlines that do not drift; what two ends say at once is garbled and
counted.

    python -m edge.sim.line 19200 8E1 left right     two ends, as links to pseudo-terminals

Ends are pseudo-terminals for other programs; stations live in here and answer whole frames.
"""

import contextlib
import heapq
import os
import select
import sys
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

# A station gets a whole frame and returns its answer, or None where it is not for it.
Station = Callable[[bytes], bytes | None]

# Silence that ends a frame, in characters, and what a station still takes for it.
# Source: Modbus over Serial Line V1.02, 2.5.1.1.
FRAME_END_CHARS = 3.5
SILENCE_CHARS = 3.0


@dataclass
class Counted:
    """What happened on the line.

    crowded: frames that began before the silence after the frame before was over; stations drop them.
    late_s_max: how late a byte was delivered at most, by our own doing.
    """

    bytes: int = 0
    frames: int = 0
    answers: int = 0
    collisions: int = 0
    crowded: int = 0
    late_s_max: float = 0.0


@dataclass
class _Talker:
    """One that can send: an end (with a descriptor) or all stations together (without)."""

    fd: int = -1
    free_at: float = 0.0  # when its last byte has left the line
    heard: bytearray = field(default_factory=bytearray)


class PacedLine:
    """One line.  Make ends and stations, then run() in a thread or process of its own."""

    def __init__(self, baud: int = 19200, form: str = "8E1") -> None:
        self.char_s = (1 + int(form[0]) + (form[1] != "N") + int(form[2])) / baud
        self.counted = Counted()
        self._ends: dict[int, _Talker] = {}
        self._slaves: list[int] = []
        self._stations: list[Station] = []
        self._speaker = _Talker()
        self._due: list[tuple[float, int, _Talker, int]] = []  # delivery time, order, sender, byte
        self._order = count()
        self._garbled_until = 0.0
        self._frame_ends_at = 0.0
        self._last: tuple[float, _Talker] = (0.0, self._speaker)  # when a byte ended last, and whose
        self._wake = os.pipe()
        self.cut = False  # whatever is sent reaches nobody
        self.turnaround_s = FRAME_END_CHARS * self.char_s

    def end(self) -> str:
        """Make an end of the line; return the path of its pseudo-terminal."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends[master] = _Talker(master)
        self._slaves.append(slave)  # stays open: no hang-up when a client closes
        return os.ttyname(slave)

    def station(self, answer: Station) -> None:
        """Put a station on the line."""
        self._stations.append(answer)

    def stop(self) -> None:
        """End run(), from another thread."""
        os.write(self._wake[1], b".")

    def run(self) -> None:
        """Carry bytes until stop()."""
        while True:
            now = time.monotonic()
            next_at = min(self._due[0][0] if self._due else now + 1.0, self._frame_ends_at or now + 1.0)
            # select() waits in microseconds; epoll() in milliseconds, which is two characters.
            ready, _, _ = select.select([self._wake[0], *self._ends], [], [], max(0.0, next_at - now))
            if self._wake[0] in ready:
                break
            for fd in ready:
                with contextlib.suppress(OSError):
                    self._send(self._ends[fd], os.read(fd, 4096), time.monotonic())
            self._deliver(time.monotonic())
            if self._frame_ends_at and time.monotonic() >= self._frame_ends_at:
                self._frame_ends_at = 0.0
                self._answer()
        for fd in (*self._ends, *self._slaves, *self._wake):
            os.close(fd)

    def _send(self, talker: _Talker, data: bytes, at: float) -> None:
        if self.cut:
            return
        others = [t for t in (*self._ends.values(), self._speaker) if t is not talker]
        start = max(at, talker.free_at)
        talker.free_at = start + len(data) * self.char_s
        if busy := [t.free_at for t in others if t.free_at > start]:
            self.counted.collisions += 1
            self._garbled_until = max(self._garbled_until, min(max(busy), talker.free_at))
        for n, byte in enumerate(data):
            heapq.heappush(self._due, (start + (n + 1) * self.char_s, next(self._order), talker, byte))

    def _deliver(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            due, _, sender, byte = heapq.heappop(self._due)
            self.counted.bytes += 1
            self.counted.late_s_max = max(self.counted.late_s_max, now - due)
            if due <= self._garbled_until:
                byte ^= 0x55
            for fd, talker in self._ends.items():
                if talker is not sender:
                    with contextlib.suppress(OSError):
                        os.write(fd, bytes((byte,)))
            if sender is not self._speaker and self._stations:
                self._hear(sender, byte, due)
            self._last = (due, sender)

    def _hear(self, sender: _Talker, byte: int, due: float) -> None:
        """Let the stations hear a byte; one that comes too soon after a frame still belongs to that one."""
        ended, before = self._last
        if before is not sender and due - self.char_s - ended < SILENCE_CHARS * self.char_s:
            self.counted.crowded += 1
            self._speaker.heard.append(0)  # spoils the checksum
        self._speaker.heard.append(byte)
        self._frame_ends_at = due + self.turnaround_s

    def _answer(self) -> None:
        frame = bytes(self._speaker.heard)
        self._speaker.heard.clear()
        self.counted.frames += 1
        for station in self._stations:
            answer = station(frame)
            if answer:
                self.counted.answers += 1
                self._send(self._speaker, answer, time.monotonic())


def main(words: list[str]) -> int:
    """Link the ends of a line to the names in the call, and carry bytes until interrupted."""
    if len(words) < 3 or not words[0].isdigit():
        print("usage: python -m edge.sim.line BAUD FORMAT NAME NAME...", file=sys.stderr)
        return 2
    line = PacedLine(int(words[0]), words[1])
    links = [Path(name) for name in words[2:]]
    for link in links:
        link.unlink(missing_ok=True)
        link.symlink_to(line.end())
    try:
        line.run()
    except KeyboardInterrupt:
        pass
    finally:
        for link in links:
            link.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
