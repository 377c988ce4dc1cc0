"""The simulated I/O board: its own firmware, run on this machine, on the simulated RS-485 line.

Nothing of the board is imitated here.  board/host/run.py runs the files that are flashed; only the chip under
them is another.  This file starts it, turns its inputs, and hears what its relays do.

Orders on the simulator's channel (edge/sim/control.py), besides those of the depot:

    {"do": "input", "device": "io-board", "number": 1, "closed": true}     operator's relay as delivered
    {"do": "relays", "device": "io-board"}         answers with what its relays did, and when (monotonic ns)
    {"do": "cut", "device": "rs485"}               the line is cut, for everyone on it
    {"do": "join", "device": "rs485"}              and is whole again
"""

import contextlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
import time
import tty
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from edge.model.site import Board
from edge.shell.firmware import FIRMWARE
from edge.sim.depot import CannotSimulate
from edge.sim.processes import die_with_parent

# In a simulated depot nobody has contactors to spare, and people wait: the shortest that the board takes.
RECLOSE_S, STAGGER_MS = 1, 100

# How long an answer may take before the line goes on without it.
ANSWER_S = 0.15

WRITE_REGISTERS = 16  # the Modbus function of a heartbeat

_CONFIG_MAGIC = 0xDE01  # board/board.py


@dataclass(frozen=True)
class Moved:
    """What the relays were driven to (bits), and when: monotonic ns.

    stall_ns: the longest that this machine took for one loop of the firmware since the change before.
    """

    at_ns: int
    relays: int
    stall_ns: int


@dataclass
class BoardTwin:
    """One board on a line.  moved: every change of its relays, oldest first."""

    drawn: Board
    flash: Path
    moved: list[Moved] = field(default_factory=list)
    beat_ns: int = 0  # when the last heartbeat reached it, whole
    _master: int = -1
    _slave: int = -1
    _process: "subprocess.Popen[str] | None" = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Run the firmware.  Raises CannotSimulate where this installation has none."""
        runner = FIRMWARE / "host" / "run.py"
        if not runner.is_file():
            raise CannotSimulate(
                f"board {self.drawn.id}: expected its firmware at {FIRMWARE}: this installation is not whole"
            )
        self._configure()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        terminal = os.ttyname(self._slave)
        self._process = subprocess.Popen(
            [sys.executable, str(runner), "--port", terminal, "--flash", str(self.flash)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it only calls prctl
        )
        threading.Thread(target=self._listen, name=self.drawn.id, daemon=True).start()

    def _configure(self) -> None:
        """Put the settings of the site file into its flash, as commissioning would."""
        config = firmware_module("config")
        used = sum(relay.bit for relay in self.drawn.relays)
        settings = {
            config.UNIT: self.drawn.at.unit,
            config.TIMEOUT: self.drawn.timeout_ms,
            config.FITTED: used,
            config.FEEDBACK: used,
            config.RECLOSE: RECLOSE_S,
            config.STAGGER: STAGGER_MS,
        }
        if not configure(self.flash, settings):
            raise CannotSimulate(
                f"board {self.drawn.id}: its firmware does not take these settings: {settings}"
            )

    def _listen(self) -> None:
        process = self._process
        assert process is not None and process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError, KeyError):
                said = json.loads(line)
                with self._lock:
                    self.moved.append(Moved(int(said["ns"]), int(said["relays"]), int(said["stall_ns"])))

    def answer(self, frame: bytes) -> bytes | None:
        """Let the firmware hear a frame of the line; return its answer, None where it is not for it.

        It gets whole frames, because a PC's scheduler would put silences of 3.5 characters into them.
        """
        with contextlib.suppress(OSError):
            if select.select([self._master], [], [], 0)[0]:
                os.read(self._master, 4096)  # an answer that came too late
            if frame[:2] == bytes([self.drawn.at.unit, WRITE_REGISTERS]):
                self.beat_ns = time.monotonic_ns()
            os.write(self._master, frame)
            if frame[:1] != bytes([self.drawn.at.unit]):
                return None
            if select.select([self._master], [], [], ANSWER_S)[0]:
                return os.read(self._master, 4096)
        return None

    def stop(self) -> None:
        """Take its supply away."""
        if self._process is None:
            return
        os.close(self._master)
        os.close(self._slave)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process = None

    @property
    def relays(self) -> int:
        """The relays that are closed now (bits)."""
        with self._lock:
            return self.moved[-1].relays if self.moved else 0

    def turn(self, number: int, closed: bool) -> None:
        """Close or open the loop of an input."""
        if self._process is None or self._process.stdin is None:
            raise CannotSimulate(f"board {self.drawn.id} does not run")
        self._process.stdin.write(f"input {number} {'closed' if closed else 'open'}\n")
        self._process.stdin.flush()

    def guards_a(self) -> dict[str, float | None]:
        """Return what each guarded charger may be given by its terminals, None for no limit."""
        relays = self.relays
        return {
            charger: None if relays & relay.bit else relay.falls_to_ma / 1000
            for relay in self.drawn.relays
            for charger in relay.chargers
        }

    def report(self) -> dict[str, Any]:
        """Return what its relays did."""
        with self._lock:
            return {"relays": [[m.at_ns, m.relays, m.stall_ns] for m in self.moved], "beat_ns": self.beat_ns}


def configure(flash: Path, settings: dict[int, int]) -> bool:
    """Store settings, by their place in board/config.py, in a flash; return whether they are lawful."""
    config, store = firmware_module("config"), firmware_module("store")
    words = config.defaults()
    for place, word in settings.items():
        words[place] = word
    flash.mkdir(parents=True, exist_ok=True)

    class Files:
        def read(self, name: str) -> bytes:
            path = flash / name
            return path.read_bytes() if path.is_file() else b""

        def write(self, name: str, data: bytes) -> None:
            (flash / name).write_bytes(data)

    kept = store.Store(Files(), "config", _CONFIG_MAGIC, len(words))
    return bool(config.lawful(words) and kept.save(words))


def firmware_module(name: str) -> ModuleType:
    """Load a file of the firmware without making it importable: its names are short ones."""
    spec = importlib.util.spec_from_file_location(f"_board_{name}", FIRMWARE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
