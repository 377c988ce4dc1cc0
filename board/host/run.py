"""Run the whole firmware on a PC, its RS-485 a terminal.

    python board/host/run.py --port /dev/pts/7 --flash DIR

The files are those of the board; only `machine` is another (machine.py beside this file).  The flash is DIR.
A restart (asked for, or by the watchdog) starts this program anew with the same arguments.

stdin, a line each: what a person's hands would do to the terminals
    input N closed|open         feedback N closed|open|follow       temperature TENTHS|none
    ct N MILLIVOLTS             a sine of 50 Hz, RMS                 hang, quit
stdout, a JSON document a line, at the start and whenever relays, cut or start change:
    {"ns": monotonic, "relays": pattern, "cut": 0|1, "start": cause,
     "stall_ns": the longest time that this PC took for one loop since the line before}

At the start inputs 1, 3 and 4 are open, and input 2, the loop of the emergency stop, is closed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import math
import os
import select
import signal
import struct
import sys
import termios
import time
import tty
from pathlib import Path

HOST = Path(__file__).resolve().parent
sys.path[:0] = [str(HOST), str(HOST.parent)]

import machine  # noqa: E402  the one beside this file

WRAP = 1 << 30  # as on the RP2040
SPEEDS = {n: getattr(termios, f"B{n}") for n in (9600, 19200, 38400, 57600, 115200)}


def tick_module() -> None:
    """Give `time` what MicroPython's has."""
    time.ticks_ms = lambda: time.monotonic_ns() // 1_000_000 % WRAP
    time.ticks_us = lambda: time.monotonic_ns() // 1_000 % WRAP
    time.ticks_diff = lambda a, b: (a - b + WRAP // 2) % WRAP - WRAP // 2


class Line:
    """A serial port that never blocks."""

    def __init__(self, path: str, baud: int, parity: int | None, stop: int) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        mode = termios.tcgetattr(self.fd)
        mode[2] &= ~(termios.PARENB | termios.PARODD | termios.CSTOPB)
        mode[2] |= (termios.CSTOPB if stop == 2 else 0) | (termios.PARENB if parity is not None else 0)
        mode[2] |= termios.PARODD if parity == 1 else 0
        mode[4] = mode[5] = SPEEDS[baud]
        with contextlib.suppress(termios.error):  # a pseudo-terminal has no parity, and may say so
            termios.tcsetattr(self.fd, termios.TCSANOW, mode)

    def any(self) -> int:
        try:
            return struct.unpack("i", fcntl.ioctl(self.fd, termios.FIONREAD, b"\0" * 4))[0]
        except OSError:  # the other end has gone: the cable is cut
            return 0

    def readinto(self, buffer: bytearray, count: int) -> int:
        try:
            data = os.read(self.fd, count)
        except OSError:
            return 0
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: bytes) -> int:
        try:
            return os.write(self.fd, data)
        except OSError:
            return 0

    def txdone(self) -> bool:
        return True


class Terminals:
    """What hands do to the terminals, and what the relays do to the contacts."""

    def __init__(self, cause: int) -> None:
        self.said: dict[str, int] = {}
        self.cause = cause
        self.follow = {0, 1, 2, 3}
        self.loops = {0: False, 1: True, 2: False, 3: False}
        self.unread = b""
        self.looked_ns = time.monotonic_ns()
        self.stall_ns = 0
        machine.I2C_DEVICES[0x48] = {0: b"\x16\x80"}  # 22.5 °C

    def obey(self, line: str) -> None:
        words = line.split()
        if words == ["quit"]:
            sys.exit(0)
        while words == ["hang"]:
            time.sleep(1)
        what, value = words[0], words[-1]
        index = int(words[1]) - 1 if len(words) == 3 else 0
        if what == "input":
            self.loops[index] = value == "closed"
        elif what == "feedback":
            self.follow.discard(index)
            if value == "follow":
                self.follow.add(index)
            else:
                machine.PINS[10 + index] = 0 if value == "closed" else 1
        elif what == "ct":
            machine.ADCS[26 + index] = sine(int(value))
        elif what == "temperature":
            machine.I2C_DEVICES.clear()
            if value != "none":
                machine.I2C_DEVICES[0x48] = {0: struct.pack(">h", int(value) * 8 // 10 << 5)}
        else:
            print(f"run.py: {line!r}: want input, feedback, ct, temperature or quit", file=sys.stderr)

    def look(self, say: bool = True) -> None:
        """Let contacts follow relays and the inputs their supply; say what has changed."""
        relays = sum(machine.PINS[6 + n] << n for n in range(4))
        for n in self.follow:
            machine.PINS[10 + n] = 1 - machine.PINS[6 + n]
        cut = machine.PINS[18]
        for n, closed in self.loops.items():
            machine.PINS[14 + n] = 0 if closed and not cut else 1
        now = {"relays": relays, "cut": cut, "start": self.cause}
        at_ns = time.monotonic_ns()
        self.stall_ns = max(self.stall_ns, at_ns - self.looked_ns)
        self.looked_ns = at_ns
        if say and now != self.said:
            self.said = now
            print(json.dumps({"ns": at_ns, **now, "stall_ns": self.stall_ns}), flush=True)
            self.stall_ns = 0


def sine(millivolts: int):
    """Return a function giving ADC readings of a 50 Hz sine with this RMS value around half the supply."""
    peak = millivolts * math.sqrt(2) / 3300 * 65536

    def read() -> int:
        return min(max(int(32768 + peak * math.sin(2 * math.pi * 50 * time.monotonic())), 0), 65535)

    return read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", required=True, help="terminal that is the RS-485 line")
    parser.add_argument("--flash", required=True, help="directory that is the flash")
    parser.add_argument("--cause", type=int, default=1, help="cause of the start: 1 power, 3 watchdog")
    args = parser.parse_args()
    port = str(Path(args.port).absolute())
    flash = Path(args.flash).absolute()
    flash.mkdir(parents=True, exist_ok=True)
    os.chdir(flash)
    tick_module()
    gc = __import__("gc")
    gc.mem_free = lambda: 0  # a PC's says nothing about the board
    terminals = Terminals(args.cause)
    machine.RESET_CAUSE = args.cause
    machine.open_line = lambda *how: Line(port, *how)
    machine.on_reset = lambda why: again(port, str(flash), "1")
    machine.WDT = watchdog(terminals, lambda: again(port, str(flash), "3"))
    import main as firmware  # noqa: PLC0415  the board's main.py, after its world is there

    firmware.main()


def again(port: str, flash: str, cause: str) -> None:
    """Start anew, as the chip would."""
    os.execv(sys.executable, [sys.executable, __file__, "--port", port, "--flash", flash, "--cause", cause])


def watchdog(terminals: Terminals, bite):
    """Return a WDT that bites, and whose feeding gives the PC a rest of a millisecond."""

    class Watchdog:
        def __init__(self, timeout: int = 5000) -> None:
            self.timeout = timeout / 1000
            self.stdin = [0]
            signal.signal(signal.SIGALRM, lambda *_: bite())
            terminals.look(say=False)  # the first word comes from the loop: then the line is open

        def feed(self) -> None:
            signal.setitimer(signal.ITIMER_REAL, self.timeout)
            terminals.look()
            if select.select(self.stdin, [], [], 0.001)[0]:
                data = os.read(0, 4096)
                if not data:
                    self.stdin = []  # nobody is there to turn the inputs
                lines = (terminals.unread + data).split(b"\n")
                terminals.unread = lines.pop()
                for line in lines:
                    terminals.obey(line.decode())

    return Watchdog


if __name__ == "__main__":
    main()
