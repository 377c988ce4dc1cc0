"""`depot demo` as a user meets it: what it prints, and that nothing of it is left, however it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from edge.sim.demosite import free_ports

DEMO = [sys.executable, "-m", "edge.cli", "demo"]
KEYS = [
    "seconds", "ticks", "violations", "event", "meter_loss", "sessions", "outages", "reports_sent",
    "reports_lost", "rss_mb", "cpu_percent",
]  # fmt: skip


def alive(folder: str) -> list[str]:
    """Return the command lines of processes that mention the demonstration's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if folder in words and int(entry.parent.name) != os.getpid():
            found.append(words)
    return found


def gone(folder: str, within_s: float) -> list[str]:
    """Wait for all of them to be gone; return those that are not."""
    end = time.monotonic() + within_s
    while (left := alive(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


class Live:
    """A demonstration without --seconds."""

    def __init__(self, tmp_path: Path) -> None:
        self.port = free_ports(1)[0]
        self.process = subprocess.Popen(
            [*DEMO, "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(tmp_path)},
            # Tests in the background of a shell inherit that Ctrl-C is ignored; a person's demo does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
        assert self.process.stderr is not None
        said = ""
        while "Ctrl-C ends it all" not in said:
            line = self.process.stderr.readline()
            assert line, said
            said += line
        self.said = said
        match = re.search(r"--state (\S+)/state", said)
        assert match
        self.folder = match[1]


@pytest.fixture
def live(tmp_path):
    demo = Live(tmp_path)
    yield demo
    if demo.process.poll() is None:
        demo.process.kill()
    demo.process.communicate()


def test_headless_prints_one_document_with_these_keys(tmp_path):
    done = subprocess.run(
        [*DEMO, "--seconds", "10", "--json", "--port", str(free_ports(1)[0])],
        capture_output=True, text=True, timeout=90, check=False, env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert list(summary) == KEYS
    assert summary["seconds"] == 10
    assert 8 <= summary["ticks"] <= 12
    assert summary["violations"] == []
    assert summary["reports_sent"] > 0 and summary["reports_lost"] == 0
    assert 10 < summary["rss_mb"] < 100
    assert list(tmp_path.iterdir()) == []
    assert gone(str(tmp_path), 2) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_serves_a_page_and_ends_clean(live, tmp_path, number):
    end, shown = time.monotonic() + 10, b""
    while b"bay-1" not in shown:  # the first tick draws the bays
        assert time.monotonic() < end, shown
        with urllib.request.urlopen(f"http://localhost:{live.port}/", timeout=10) as page:
            shown = page.read()
        time.sleep(0.2)
    assert len(alive(live.folder)) >= 3  # broker, simulator, daemon
    live.process.send_signal(number)
    assert live.process.wait(30) == 0
    assert "violations on the wires: none" in live.process.stderr.read()
    assert gone(live.folder, 2) == []
    assert list(tmp_path.iterdir()) == []


def test_killed_outright_it_leaves_no_process(live):
    assert len(alive(live.folder)) >= 3
    live.process.kill()
    live.process.wait(5)
    assert gone(live.folder, 20) == []


def test_when_a_part_dies_it_says_which_and_ends_the_rest(live, tmp_path):
    daemon = next(
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if (words := entry.read_bytes()) and live.folder.encode() in words and b"\0run\0" in words
    )
    os.kill(daemon, signal.SIGKILL)
    assert live.process.wait(30) == 2
    assert "the daemon ended with exit code -9" in live.process.stderr.read()
    assert gone(live.folder, 2) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--seconds", "5"], "--seconds 5: at least 10"),
        (["--port", "{taken}"], "somebody listens there already"),
    ],
)
def test_a_wrong_call_is_refused(words, says, tmp_path):
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*DEMO, *(w.format(taken=port) for w in words)],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
