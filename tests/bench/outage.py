"""Nothing lost, nothing twice: a broker away for 72 hours, and the power cut at 200 random moments.

away: 72 hours of a depot of fifty ports by a simulated clock: the core's own folds make the rows
(`store.Bays`), the real store and outbox keep them on the real disk, and there is no broker.  Then there is
one, and `depot network receive` behind it.  Everything recorded must be in the receiver's file, once.

cuts: a gateway (store, outbox, MQTT) runs on a file system of its own in an image file, records sessions and
sends them to a receiver that goes on.  At random moments the gateway is frozen and its image copied: exactly
what a disk holds when the power goes, for what sits in the page cache is not in it.  The copy is the disk of
the next life.  What the gateway had said to be recorded before any cut must be in the receiver's file at the
end, by its last word, once.  Needs root, loop devices and mkfs.ext4.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.model import messages
from edge.shell.storeoutbox import Message
from tests.bench._network_brokers import Mosquitto
from tests.bench.network import ReceiverProcess
from tests.bench.store import CHARGERS, WALL, Bays
from tests.fakes.gateways import Gateway

ROOT = Path(__file__).parent.parent.parent
AWAY_H, CUTS = 72, 200
AWAY_H_QUICK, CUTS_QUICK = 2, 3
DRAIN_S = 1_200


def figures(quick: bool) -> dict[str, Any]:
    """Measure both."""
    return {
        "away": asyncio.run(_away(AWAY_H_QUICK if quick else AWAY_H)),
        "cuts": asyncio.run(_cuts(CUTS_QUICK if quick else CUTS, seed=6)),
    }


def words(found: dict[str, Any]) -> str:
    """Tell the figures."""
    away, cuts = found["away"], found["cuts"]
    lines = [
        f"broker away for {away['hours']} h, {away['ports']} ports: {away['messages']} messages waited in "
        f"{away['store_mb']} MB, all had come {away['drained_s']} s after it was back: lost {away['lost']}, "
        f"twice {away['twice']}"
    ]
    if "skipped" in cuts:
        return "\n".join([*lines, f"power cuts: {cuts['skipped']}"])
    return "\n".join(
        [*lines, f"power cut {cuts['cuts']} times: {cuts['recorded']} sessions said to be recorded: lost "
         f"{cuts['lost']}, twice {cuts['twice']}, numbers missing {cuts['missing']}, used twice "
         f"{cuts['conflicts']}; {cuts['copies']} copies were recognised"]
    )  # fmt: skip


def _heard(file: Path) -> dict[str, Any]:
    """Return what the receiver has, by SQL alone."""
    db = sqlite3.connect(file)
    one = {
        "sessions": dict(db.execute("SELECT id, energy_wh FROM session WHERE end_wall_ms IS NOT NULL")),
        "keys": [key for (key,) in db.execute("SELECT key FROM message WHERE again_of IS NULL")],
        "seqs": [seq for (seq,) in db.execute("SELECT seq FROM message ORDER BY seq")],
        "conflicts": db.execute("SELECT COUNT(*) FROM conflict").fetchone()[0],
    }
    db.close()
    return one


# --- away -------------------------------------------------------------------------------------------


async def _away(hours: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as name:
        folder = Path(name)
        broker = Mosquitto(folder)
        gateway = Gateway("yard", folder / "depot.db", broker.ports[0])
        recorded = _record(gateway, hours)
        size_mb = _size_mb(folder)
        broker.start()
        receiver = ReceiverProcess(folder, broker.ports[0])
        try:
            await receiver.ready()
            begun = time.monotonic()
            async with gateway.running():
                await _until(lambda: not gateway.waiting, DRAIN_S)
                drained_s = time.monotonic() - begun
        finally:
            receiver.stop()
            broker.stop()
        heard = _heard(receiver.file)
    return {
        "hours": hours, "ports": CHARGERS, "messages": len(recorded), "store_mb": round(size_mb, 1),
        "drained_s": round(drained_s, 1), "lost": len(recorded - set(heard["keys"])),
        "twice": len(heard["keys"]) - len(set(heard["keys"])) + heard["conflicts"],
        "missing": max(heard["seqs"]) - len(set(heard["seqs"])),
    }  # fmt: skip


def _size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.glob("depot.db*")) / 1e6


def _record(gateway: Gateway, hours: int) -> set[str]:
    """Record so many hours of a busy depot; return the keys of all messages."""
    bays, keys = Bays(), set()
    for second in range(hours * 3_600):
        for row, tell in bays.second(second):
            told = messages.told(gateway.sender, row, WALL + second * 1_000) if tell else None
            if told is None:
                gateway.store.keep(row)
                continue
            keys.add(told.key)
            gateway.store.keep(row, Message("network", *told[:3], WALL + second * 1_000, told.lane))
        if second % 10 == 0:
            gateway.store.commit()
    gateway.store.commit(all_of_it=True)
    return keys


# --- cuts -------------------------------------------------------------------------------------------

# A gateway's life: takes up its sessions where the disk has them, and says of each when it is recorded.
LIFE = """
import asyncio, random, sys
from pathlib import Path
from msgspec.structs import replace
from edge.model import messages
from edge.model.records import Session
from edge.shell.storeoutbox import Message
from tests.fakes.gateways import NOW, Gateway

path, port, more = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "more"

def keep(gateway, row):
    told = messages.told(gateway.sender, row, NOW)
    gateway.store.keep(row, Message("network", *told[:3], NOW, told.lane))

async def life():
    gateway = Gateway("yard", path, port)
    known = gateway.store.sessions(0, NOW * 2)
    n = max((int(row.id) for row in known), default=0)
    for row in known:
        if row.end_wall_ms is None:  # the power went between its start and its end
            keep(gateway, replace(row, end_wall_ms=NOW + 1, energy_wh=int(row.id)))
    async with gateway.running():
        while more:
            few = range(n + 1, n + 1 + random.randint(1, 5))
            rows = [Session(str(k), f"bay-{k % 7}", NOW) for k in few]
            n += len(rows)
            for row in rows:
                keep(gateway, row)
            gateway.store.commit()
            await asyncio.sleep(random.uniform(0, 0.02))
            for row in rows:
                keep(gateway, replace(row, end_wall_ms=NOW + 1, energy_wh=int(row.id)))
            gateway.store.commit()
            gateway.box.wake()
            print(n, flush=True)
            await asyncio.sleep(random.uniform(0.02, 0.15))
        gateway.store.commit()
        gateway.box.wake()
        while gateway.waiting:
            await asyncio.sleep(0.1)
        gateway.store.commit(all_of_it=True)
        print("all told", gateway.box.sent, flush=True)

asyncio.run(life())
"""


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


@contextlib.contextmanager
def _mounted(image: Path, at: Path) -> Iterator[None]:
    _run("mount", "-o", "loop", image, at)
    try:
        yield
    finally:
        _run("umount", at)


async def _cuts(count: int, seed: int) -> dict[str, Any]:
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        return {"skipped": "needs root and mkfs.ext4"}
    with tempfile.TemporaryDirectory(prefix="depot-cuts-") as name:
        folder = Path(name)
        image, mounted = folder / "disk.img", folder / "disk"
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(64 << 20)  # two hundred lives fill 32 MB
        _run("mkfs.ext4", "-q", "-F", image)
        try:
            with _mounted(image, mounted):
                pass
        except subprocess.CalledProcessError as error:
            return {"skipped": f"no loop device: {error.stderr!r}"}
        broker = Mosquitto(folder)
        broker.start()
        receiver = ReceiverProcess(folder, broker.ports[0])
        try:
            await receiver.ready()
            recorded, sent = _lives(folder, image, mounted, broker.ports[0], count, random.Random(seed))
        finally:
            receiver.stop()
            broker.stop()
        return {"cuts": count, "seed": seed, **_judged(_heard(receiver.file), recorded, sent)}


def _judged(heard: dict[str, Any], recorded: int, sent: int) -> dict[str, Any]:
    said = {str(n): n for n in range(1, recorded + 1)}
    seqs = heard["seqs"]
    return {
        "recorded": recorded,
        "lost": sum(heard["sessions"].get(n) != energy for n, energy in said.items()),
        "twice": len(heard["keys"]) - len(set(heard["keys"])),
        "missing": (max(seqs) if seqs else 0) - len(set(seqs)),
        "conflicts": heard["conflicts"],
        "copies": max(0, sent - len(seqs)),
    }


def _lives(
    folder: Path, image: Path, mounted: Path, port: int, count: int, draw: random.Random
) -> tuple[int, int]:
    """Live and die; return the highest session that was said to be recorded, and what the last life sent."""
    recorded, copy = 0, folder / "copy.img"
    for _ in range(count):
        with _mounted(image, mounted):
            life = _life(mounted, port, "more")
            recorded = max(recorded, _until_cut(life, image, copy, draw.uniform(0.05, 1.0)))
        os.replace(copy, image)
    with _mounted(image, mounted):
        life = _life(mounted, port, "rest")
        said, _ = life.communicate(timeout=DRAIN_S)
        if b"all told" not in said:
            raise RuntimeError(f"the last life did not end well: {said[-300:]!r}")
    return recorded, int(said.split()[-1])


def _life(mounted: Path, port: int, what: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", LIFE, str(mounted / "depot.db"), str(port), what],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip


def _until_cut(life: "subprocess.Popen[bytes]", image: Path, copy: Path, after_s: float) -> int:
    """Cut the power some time after the first record; return what was said to be recorded by then."""
    assert life.stdout is not None
    first = life.stdout.readline()
    if not first:
        raise RuntimeError("a life ended before it had recorded anything")
    os.set_blocking(life.stdout.fileno(), False)
    time.sleep(after_s)
    life.send_signal(signal.SIGSTOP)
    time.sleep(0.01)
    said = first + (life.stdout.read() or b"")
    shutil.copyfile(image, copy)
    life.kill()
    life.wait()
    whole = said.rpartition(b"\n")[0].split()
    return int(whole[-1]) if whole else 0


async def _until(what: Any, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s")
        await asyncio.sleep(0.05)
