"""Child processes that end with us, whatever ends us; and what one of them costs."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

STOP_S = 8.0
PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)


class EndedEarly(Exception):
    """A process ended that should be running: which, and the last that it said."""


def die_with_parent() -> None:
    """Have the kernel end this process when its parent is gone.  For preexec_fn."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A process in a group of its own (Ctrl-C reaches only us, and we end it in order).

    Its standard error goes to a file, of which the end is shown when it fails.
    """

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._log: IO[bytes] = self.log.open("wb")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if name == "simulator" else self._log,
            stderr=self._log,
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread of ours has started yet
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def check(self) -> None:
        """Raise EndedEarly if it is no longer running."""
        if self.process.poll() is not None:
            last = self.log.read_text(errors="replace").strip().splitlines()[-12:]
            raise EndedEarly(
                f"the {self.name} ended with exit code {self.process.returncode}:\n  " + "\n  ".join(last)
            )

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL for what does not go."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


class Cost:
    """What a process has used since this object was made.  Read from /proc, from outside."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._cpu_s, self._at_s = self._used_s(), time.monotonic()

    def _used_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)

    @property
    def cpu_percent(self) -> float:
        """Of one core, on average."""
        return 100 * (self._used_s() - self._cpu_s) / max(1e-3, time.monotonic() - self._at_s)

    @property
    def rss_mb(self) -> float:
        """The highest resident memory so far, in MB (10^6 bytes)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        return kib * 1024 / 1e6
