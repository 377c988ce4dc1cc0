"""What systemd hears: a socket of the test plays it."""

import asyncio
import socket
from pathlib import Path

import pytest

from edge.shell.notify import keep_told
from tests.fakes.desk import Rig


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return heard


def told(systemd: socket.socket) -> list[list[str]]:
    found = []
    try:
        while True:
            found.append(systemd.recv(4096).decode().split("\n"))
    except BlockingIOError:
        return found


async def playing(rig: Rig, seconds: int) -> None:
    for second in range(seconds):
        rig.tick(second)
        await asyncio.sleep(0.001)


def test_ready_comes_with_the_first_finished_tick_and_life_with_each(systemd: socket.socket) -> None:
    async def run() -> None:
        rig = Rig()
        task = asyncio.create_task(keep_told(rig.desk))
        await asyncio.sleep(0.05)
        assert told(systemd) == []  # started, but nothing has been decided
        await playing(rig, 5)
        said = told(systemd)
        assert [lines[0] for lines in said] == ["READY=1", *["WATCHDOG=1"] * 4]
        assert said[0][1] == "WATCHDOG=1"
        assert said[0][2].startswith("STATUS=")
        assert "of 6 charging" in said[0][2]
        await asyncio.sleep(0.1)
        assert told(systemd) == []  # no tick, no life
        rig.desk.close()
        await task
        assert told(systemd) == [["STOPPING=1"]]

    asyncio.run(run())


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without systemd, or with one whose socket is gone, the depot runs all the same."""

    async def run() -> None:
        rig = Rig()
        task = asyncio.create_task(keep_told(rig.desk))
        await playing(rig, 3)
        rig.desk.close()
        await task

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    asyncio.run(run())
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    asyncio.run(run())


def test_an_abstract_name_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind("\0depot-edge-test-notify")
    heard.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", "@depot-edge-test-notify")

    async def run() -> None:
        rig = Rig()
        task = asyncio.create_task(keep_told(rig.desk))
        await playing(rig, 1)
        rig.desk.close()
        await task

    asyncio.run(run())
    assert told(heard)[0][0] == "READY=1"
    heard.close()
