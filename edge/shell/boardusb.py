"""The I/O board on USB, through MicroPython's own mpremote: its files, and a line of Python there.

Rule 1: the running firmware is interrupted first, which opens every relay and keeps the watchdog fed
        (board/main.py, rule 4); `resume` keeps mpremote from restarting the interpreter: that would end it.
Rule 2: main.py goes first and comes last.  Whatever ends a flash half way leaves a board that starts
        nothing, and its relays stay open.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.shell import boardimage
from edge.shell.boardimage import Image

SIGNED = "image.sig"  # the manifest and its signature, kept beside the files
CALL_S = 60.0

# Prints files with their SHA-256, what the interpreter runs on, and what is signed.
_LOOK = f"""
import os, sys, hashlib, json
def _h(n):
    d = hashlib.sha256()
    with open(n, 'rb') as f:
        while True:
            b = f.read(512)
            if not b: break
            d.update(b)
    return ''.join(['%02x' % c for c in d.digest()])
_n = os.listdir()
_s = open('{SIGNED}').read() if '{SIGNED}' in _n else ''
_m = [n for n in _n if n.endswith('.py') or n.endswith('.mpy')]
print(json.dumps([sys.implementation._machine, _s, dict([(n, _h(n)) for n in _m])]))
"""

# Runs the firmware's own loop with a self-test begun, for at most a minute.
_TEST = """
import json, time, main, pins_pico
from selftest import RUNNING
f = main.Firmware(pins_pico, '.')
try:
    for n in range(50): f.loop()
    f.board.selftest.start()
    t = time.ticks_ms()
    while f.board.selftest.result == RUNNING and time.ticks_diff(time.ticks_ms(), t) < 50000: f.loop()
finally:
    pins_pico.drive(0)
s = f.board.selftest
print(json.dumps([s.result, s.failed, f.board.words[7], f.board.words[17], f.board.faults()]))
"""


class UsbTrouble(Exception):
    """The board cannot be reached over USB, or answers what nobody expects."""


@dataclass(frozen=True)
class Seen:
    """What is on a board.  machine: of its interpreter.  files: SHA-256 by name.  signed: None if none is."""

    machine: str
    files: dict[str, str]
    signed: tuple[bytes, bytes] | None


@dataclass(frozen=True)
class Usb:
    """A board on a port.  command: how mpremote is called."""

    port: str
    command: Sequence[str] = (sys.executable, "-m", "mpremote")

    def call(self, *words: str) -> str:
        """Let mpremote do something; return what it printed.  Raises UsbTrouble."""
        try:
            done = subprocess.run(
                [*self.command, "connect", self.port, "resume", *words],
                capture_output=True, text=True, timeout=CALL_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise UsbTrouble(f"{self.port}: no answer within {CALL_S:g} s") from None
        except OSError as error:
            raise UsbTrouble(f"mpremote: {error}") from None
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["mpremote failed"]
            hint = "; pip install 'depot-edge[board]'" if "No module named mpremote" in last[0] else ""
            raise UsbTrouble(f"{self.port}: {last[0]}{hint}")
        return done.stdout

    def _json(self, program: str) -> Any:
        said = self.call("exec", program).strip().splitlines()
        try:
            return json.loads(said[-1])
        except (IndexError, ValueError):
            raise UsbTrouble(f"{self.port}: unexpected answer: {said[-1:]}") from None

    def look(self) -> Seen:
        """Return what is on the board; its firmware stands until restart().  Raises UsbTrouble."""
        found = self._json(_LOOK)
        try:
            machine, text, files = found
            signed = boardimage.of_text(text.encode()) if text else None
        except (TypeError, ValueError):
            raise UsbTrouble(f"{self.port}: unexpected answer: {found!r}") from None
        return Seen(str(machine), dict(files), signed)

    def test(self) -> tuple[int, int, int, int, int]:
        """Run the board's self-test; return result, failed, relays with feedback, supply switched, faults.

        Raises UsbTrouble.
        """
        found = self._json(_TEST)
        if not isinstance(found, list) or len(found) != 5 or not all(isinstance(n, int) for n in found):
            raise UsbTrouble(f"{self.port}: unexpected answer: {found!r}")
        return (found[0], found[1], found[2], found[3], found[4])

    def flash(self, image: Image, there: Seen) -> None:
        """Put an image on the board, main.py last, and see that it is there.  Raises UsbTrouble."""
        stale = [n for n in there.files if n not in image.files and n != "boot.py"]
        for name in ["main.py", *stale]:
            if name in there.files:
                self.call("fs", "rm", f":{name}")
        with tempfile.TemporaryDirectory(prefix="depot-board-") as folder:
            files = {name: data for name, data in image.files.items() if name != "main.py"}
            files[SIGNED] = boardimage.as_text(image.signed)
            for name, data in files.items():
                self._put(Path(folder) / name, data)
            self._agrees(image, but="main.py")
            self._put(Path(folder) / "main.py", image.files["main.py"])
        self._agrees(image)

    def _put(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        self.call("fs", "cp", "-f", str(path), f":{path.name}")

    def _agrees(self, image: Image, but: str = "") -> None:
        there = self.look().files
        for entry in image.manifest.files:
            if entry.name != but and there.get(entry.name) != entry.sha256:
                raise UsbTrouble(
                    f"{self.port}: {entry.name} is not there as it was sent; flash again: until then its "
                    "relays stay open"
                )

    def restart(self) -> None:
        """Start the board anew.  Raises UsbTrouble."""
        self.call("reset")
