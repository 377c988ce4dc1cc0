"""Power cuts: what the store has acknowledged is on the disk, also when the machine just stops.

The writer runs on a file system of its own in an image file.  The image is copied while the writer is
frozen: exactly what a disk holds when the power goes (what sits in the page cache is not in it).  The
copy is mounted, which replays the file system's journal, and read.  Killing the process alone would
prove nothing here: the page cache survives that.  Needs root and loop devices, else it is skipped.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.shell.store import Store

CUTS = 6
MOST_CUTS = 60  # a busy machine may need more until the writer has got somewhere

# Keeps rows with their messages, a few a commit, and acknowledges each commit on its standard output.
WRITER = """
import sys
from edge.model.records import Session
from edge.shell.store import Store
from edge.shell.storeoutbox import Message

store, n = Store(sys.argv[1], "boot"), 0
while True:
    for _ in range(7):
        n += 1
        row = Session(f"s{n}", "bay-1", n, energy_wh=n)
        store.keep(row, Message("network", "t", str(n).encode() * 50, f"k{n}"))
    store.commit()
    print(n, flush=True)
"""


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path):
    """A file system in an image: (image, where it is mounted)."""
    image, mounted = tmp_path / "disk.img", tmp_path / "disk"
    mounted.mkdir()
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root and mkfs.ext4: the power cut is not shown here")
    with image.open("wb") as file:
        file.truncate(48 << 20)
    _run("mkfs.ext4", "-q", "-F", image)
    try:
        _run("mount", "-o", "loop", image, mounted)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device: the power cut is not shown here: {error.stderr!r}")
    yield image, mounted
    _run("umount", mounted)


def _what_is_on(image: Path, scratch: Path) -> tuple[list[int], list[int]]:
    """Return the rows and the messages that a copy of the image holds."""
    mounted = scratch / "after"
    mounted.mkdir(exist_ok=True)
    _run("mount", "-o", "loop", image, mounted)
    try:
        store = Store(mounted / "depot.db", "after")
        rows = [session.energy_wh for session in store.sessions(0, 1 << 60)]
        seqs = [row.seq for row in store.outbox_pending("network", 1 << 30)]
        assert [row.key for row in store.outbox_pending("network", 3)] == ["k1", "k2", "k3"][: len(seqs)]
        store.close()
        return rows, seqs
    finally:
        _run("umount", mounted)


def test_nothing_acknowledged_is_lost_when_the_power_goes(disk, tmp_path):
    image, mounted = disk
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(mounted / "depot.db")],
        stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert writer.stdout is not None
    os.set_blocking(writer.stdout.fileno(), False)
    said, acknowledged = b"", []
    try:
        for cut in range(MOST_CUTS):
            if cut >= CUTS and acknowledged[-1] > acknowledged[0]:
                break
            time.sleep(0.4 + 0.07 * (cut % CUTS))
            writer.send_signal(signal.SIGSTOP)
            time.sleep(0.01)
            said += writer.stdout.read() or b""
            acknowledged.append(int(said.rpartition(b"\n")[0].rpartition(b"\n")[2] or 0))
            shutil.copyfile(image, tmp_path / "copy.img")
            writer.send_signal(signal.SIGCONT)
            rows, seqs = _what_is_on(tmp_path / "copy.img", tmp_path)
            assert len(rows) >= acknowledged[-1], "acknowledged and lost"
            assert rows == list(range(1, len(rows) + 1)), "a row is there without those before it"
            assert seqs == rows, "a row without its message, or a message without its row"
    finally:
        writer.kill()
        writer.wait()
    assert acknowledged[-1] > acknowledged[0], "the writer did not get anywhere: nothing was shown"
