"""A Mosquitto of its own for a test, on a free loopback port, that can be killed and started again."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="mosquitto is not installed (apt install mosquitto)"
)

OPEN = "allow_anonymous true\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """extra: lines of its configuration besides the listener.  Sessions survive kill() only in memory."""

    def __init__(self, folder: Path, extra: str = OPEN) -> None:
        self.port = free_port()
        self.log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"user root\nlistener {self.port} 127.0.0.1\n{extra}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-v", "-c", str(self._config)], stderr=log, stdout=log
            )
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=0.2),
            ):
                return
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"mosquitto does not listen: {self.log.read_text()}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def terminate(self) -> None:
        """End it properly, so that it writes its sessions where persistence is configured."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(5)
            self._process = None


@contextlib.contextmanager
def mosquitto(folder: Path, extra: str = OPEN) -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
