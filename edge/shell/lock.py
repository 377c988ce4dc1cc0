"""One program at a time speaks to a depot's devices: a lock in the state directory.

The kernel lets go of it when the process ends, however it ends.
"""

import fcntl
import os
from pathlib import Path

LOCK = "devices.lock"


class Held(Exception):
    """Somebody else has it; the text says who."""


class Lock:
    """Held from its making to close().  who: what the next one is told.  Raises Held, OSError."""

    def __init__(self, state: Path, who: str) -> None:
        state.mkdir(parents=True, exist_ok=True)
        path = state / LOCK
        self._file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another program"
            self._file.close()
            raise Held(f"{holder} speaks to these devices: stop it first ({path})") from None
        self._file.truncate(0)
        self._file.write(f"{who}, process {os.getpid()}")
        self._file.flush()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
