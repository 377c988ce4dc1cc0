"""The control socket: right answers, who may connect, and that nothing which comes in can hurt the daemon."""

import asyncio
import json
import os
import pwd
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.shell import control
from edge.shell.answers import DeskError
from edge.shell.statedir import CONTROL_SOCKET
from edge.shell.windows import WindowWish
from tests.fakes.desk import Rig


def with_daemon(tmp_path: Path, story: Callable[[Rig, Path], Awaitable[None]]) -> None:
    """Run a story beside a served control socket."""

    async def run() -> None:
        rig = Rig()
        rig.tick(0)
        serving = asyncio.create_task(control.serve(rig.desk, tmp_path / CONTROL_SOCKET))
        try:
            await asyncio.sleep(0.05)
            assert (tmp_path / CONTROL_SOCKET).is_socket()
            await asyncio.wait_for(story(rig, tmp_path), 20)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(run())


async def talk(state: Path, *lines: bytes) -> list[bytes]:
    """Send raw lines, and return what comes back until the daemon hangs up or has answered them all."""
    reader, writer = await asyncio.open_unix_connection(os.fspath(state / CONTROL_SOCKET), limit=1 << 24)
    answers = []
    for line in lines:
        writer.write(line)
        try:
            await writer.drain()
            answer = await reader.readline()
        except ConnectionError:
            answer = b""
        answers.append(answer)
    writer.close()
    return answers


def test_questions_and_wishes_come_through(tmp_path: Path) -> None:
    async def story(rig: Rig, state: Path) -> None:
        status = await asyncio.to_thread(control.ask, state, control.AskStatus())
        assert status["time"] == "14:03:12" and len(status["chargers"]) == 6
        why = await asyncio.to_thread(control.ask, state, control.AskWhy("bay-3"))
        assert why["granted_ma"] == 12_000
        wish = WindowWish("bay-3", "18:00", "06:00", "40")
        added = await asyncio.to_thread(control.ask, state, control.AskWindowAdd(wish))
        assert added["id"] == "bay-3-1" and "bay-3-1" in rig.store.kept
        listed = await asyncio.to_thread(control.ask, state, control.AskWindows())
        assert [w["id"] for w in listed] == ["night-1", "bay-3-1"]
        await asyncio.to_thread(control.ask, state, control.AskWindowRemove("bay-3-1"))
        events = await asyncio.to_thread(control.ask, state, control.AskEvents())
        assert events[0]["id"] == "ev-17"
        await asyncio.to_thread(control.ask, state, control.AskOptOut("ev-17", "ambulances"))
        assert rig.store.opted_out == {"ev-17": "ambulances"}
        nothing = await asyncio.to_thread(control.ask, state, control.AskWhy("bay-3", 0))
        assert nothing is None
        with pytest.raises(DeskError, match="there is no 'bay-9'"):
            await asyncio.to_thread(control.ask, state, control.AskWhy("bay-9"))

    with_daemon(tmp_path, story)


def test_who_wished_is_who_the_kernel_says(tmp_path: Path) -> None:
    async def story(rig: Rig, state: Path) -> None:
        await asyncio.to_thread(control.ask, state, control.AskOptOut("ev-17", "ambulances"))
        assert rig.store.audited[0][0] == pwd.getpwuid(os.getuid()).pw_name

    with_daemon(tmp_path, story)


def test_only_user_and_group_may_connect_and_the_socket_goes_with_the_daemon(tmp_path: Path) -> None:
    async def story(rig: Rig, state: Path) -> None:
        assert stat.S_IMODE((state / CONTROL_SOCKET).stat().st_mode) == 0o660

    with_daemon(tmp_path, story)
    assert not (tmp_path / CONTROL_SOCKET).exists()


BAD = [
    b"\n",
    b"nonsense\n",
    b"[]\n",
    b"{}\n",
    b'{"do": "format_disk"}\n',
    b'{"do": "status", "more": 1}\n',
    b'{"do": "why"}\n',
    b'{"do": "why", "charger": 3}\n',
    b'{"do": "why", "charger": "bay-3", "at_wall_ms": 1e400}\n',
    b'{"do": "window_add", "window": {"charger": "bay-3"}}\n',
    b'{"do": "window_add", "window": {"charger": "a", "from_time": "x", "ready_by": "y", "need_kwh": []}}\n',
    b'{"do": "opt_out", "id": "ev-17"}\n',
    b"\xff\xfe\n",
    b"[" * 50_000 + b"\n",
]


def test_a_malformed_request_is_answered_and_changes_nothing(tmp_path: Path) -> None:
    async def story(rig: Rig, state: Path) -> None:
        answers = await talk(state, *BAD)
        for line, answer in zip(BAD, answers, strict=True):
            assert set(json.loads(answer)) == {"error"}, line
        assert rig.said == [] and rig.store.kept == {}
        assert "answer" in json.loads((await talk(state, b'{"do": "status"}\n'))[0])

    with_daemon(tmp_path, story)


def test_a_line_that_is_too_long_ends_the_connection_only(tmp_path: Path) -> None:
    async def story(rig: Rig, state: Path) -> None:
        await talk(state, b"x" * (control.REQUEST_MAX + 10) + b"\n")
        _, writer = await asyncio.open_unix_connection(os.fspath(state / CONTROL_SOCKET))
        writer.write(b'{"do": "stat')
        writer.close()  # hangs up in the middle of a line
        assert "answer" in json.loads((await talk(state, b'{"do": "status"}\n'))[0])

    with_daemon(tmp_path, story)


def test_too_many_connections_are_turned_away_and_room_comes_back(tmp_path: Path) -> None:
    async def story(rig: Rig, state: Path) -> None:
        path = os.fspath(state / CONTROL_SOCKET)
        idle = [await asyncio.open_unix_connection(path) for _ in range(control.CONNECTIONS_MAX)]
        await asyncio.sleep(0.05)
        assert b"try again" in (await talk(state, b'{"do": "status"}\n'))[0]
        for _, writer in idle:
            writer.close()
        await asyncio.sleep(0.05)
        assert b"answer" in (await talk(state, b'{"do": "status"}\n'))[0]

    with_daemon(tmp_path, story)


def test_an_idle_connection_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "IDLE_S", 0.1)

    async def story(rig: Rig, state: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(os.fspath(state / CONTROL_SOCKET))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    with_daemon(tmp_path, story)


def test_one_daemon_per_state_directory_but_a_dead_ones_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / CONTROL_SOCKET
    left = socket.socket(socket.AF_UNIX)
    left.bind(os.fspath(path))
    left.close()
    assert path.is_socket()

    async def story(rig: Rig, state: Path) -> None:
        with pytest.raises(OSError, match="another daemon answers there"):
            await asyncio.to_thread(control.listening, path)
        assert "answer" in json.loads((await talk(state, b'{"do": "status"}\n'))[0])

    async def run() -> None:
        rig = Rig()
        rig.tick(0)
        serving = asyncio.create_task(control.serve(rig.desk, path))
        await asyncio.sleep(0.1)
        try:
            await story(rig, tmp_path)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(run())


def test_a_path_that_no_socket_can_have_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long for a Unix socket; expected a state directory"):
        control.listening(tmp_path / ("x" * 120))


def test_without_a_daemon_the_error_names_the_socket(tmp_path: Path) -> None:
    with pytest.raises(control.NoDaemonError, match=r"no daemon answers at .*control\.sock \(No such file"):
        control.ask(tmp_path, control.AskStatus())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
WORDS = st.sampled_from(["status", "why", "windows", "window_add", "window_remove", "events", "opt_out", "x"])


@settings(max_examples=100, deadline=None)
@given(
    WORDS, st.dictionaries(st.sampled_from(["charger", "at_wall_ms", "window", "id", "reason"]), json_values)
)
def test_every_request_is_answered_in_one_line(do: str, rest: dict[str, object]) -> None:
    rig = Rig()
    rig.tick(0)
    line = control.answer(rig.desk, json.dumps({"do": do, **rest}).encode(), "anna")
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    message = json.loads(line)
    assert set(message) in ({"answer"}, {"error"})
    assert "its log says why" not in message.get("error", "")
