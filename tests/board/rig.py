"""The firmware as a process on a bus of pseudo-terminals, and a hand on its terminals."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
import tty
from pathlib import Path

from edge.sim.board import configure
from tests.fakes import micropython

ROOT = Path(__file__).parents[2]
RUN = ROOT / "board" / "host" / "run.py"
NODE = ROOT / "tests" / "fakes" / "micropython_board.mjs"
SAFE, ALLOWED, LIMITED, TRIPPED = range(4)


class Bus:
    """Two terminals whose bytes go to one another, until the cable is cut.

    heard: what the client sent while it was whole, with the monotonic ns at which it was passed on.
    """

    def __init__(self) -> None:
        self._ends = [pty.openpty(), pty.openpty()]
        for master, slave in self._ends:
            tty.setraw(master)
            tty.setraw(slave)
        self.client, self.board = (os.ttyname(slave) for _, slave in self._ends)
        self.cut = False
        self.heard: list[tuple[int, bytes]] = []
        self._over = False
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def _carry(self) -> None:
        masters = [master for master, _ in self._ends]
        while not self._over:
            for fd in select.select(masters, [], [], 0.1)[0]:
                data = os.read(fd, 4096)
                if self.cut:
                    continue
                if fd == masters[0]:
                    self.heard.append((time.monotonic_ns(), data))
                os.write(masters[1 - masters.index(fd)], data)

    def client_speed(self) -> int:
        return termios.tcgetattr(self._ends[0][0])[5]

    def close(self) -> None:
        self._over = True
        self._thread.join()
        for pair in self._ends:
            for fd in pair:
                with contextlib.suppress(OSError):
                    os.close(fd)


class Rig:
    """A board that runs; `said` is what its relays did, with the time of the process's clock.

    settings: by their place in board/config.py; else as delivered.
    under: what runs the firmware; CPython, or MicroPython (whose flash is in its memory).
    """

    def __init__(self, flash: Path, settings: "dict[int, int] | None" = None, under: str = "cpython") -> None:
        if settings:
            configure(flash, settings)
        package = micropython.package() if under == "micropython" else None
        self.bus = Bus()
        self.said: list[dict[str, int]] = []
        command = [sys.executable, str(RUN), "--port", self.bus.board, "--flash", str(flash)]
        if package:
            command = ["node", str(NODE), str(package), str(ROOT), self.bus.board]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.wait(lambda: self.said, seconds=15)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def hand(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")

    def wait(self, until, seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"waited {seconds} s; the board said {self.said[-3:]}"
            time.sleep(0.005)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.bus.close()
