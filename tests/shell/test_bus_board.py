"""The bus master's heartbeat, against the board's own firmware on a line, and against the clock alone."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.model.flow import Identified, Lost, Reading
from edge.model.site import Line
from edge.shell import ports
from edge.shell.member import Member, Rank, Relays
from edge.sim.board import firmware_module
from tests.board.rig import Rig
from tests.drivers import golden
from tests.shell.test_bus import Story, member, play

UNIT = 200
TIMEOUT_S = 4.0  # so that a busy machine is not taken for a silent gateway
HEARTBEAT = bytes((UNIT, 16, 0, 0, 0, 2))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Rig]:
    config = firmware_module("config")
    quick = {config.TIMEOUT: int(TIMEOUT_S * 1000), config.RECLOSE: 1, config.STAGGER: 100}
    rig = Rig(tmp_path / "flash", quick)
    yield rig
    rig.close()


def beats(rig: Rig) -> list[tuple[float, int, int]]:
    """Return (seconds, counter, relays) of every heartbeat on the line."""
    return [
        (ns / 1e9, int.from_bytes(data[7:9], "big"), int.from_bytes(data[9:11], "big"))
        for ns, data in rig.bus.heard
        if data[:6] == HEARTBEAT
    ]


def relays(rig: Rig) -> int:
    return rig.said[-1]["relays"]


def tend(rig: Rig, story: Callable) -> None:
    """Let a master with this one board play a story."""
    wire = ports.serial_line(Line("a", rig.bus.client))
    play(wire, [member("io", "depot_io_board", UNIT, supervision_ms=int(TIMEOUT_S * 1000))], story)


def ask(it: Story, pattern: int, valid_ms: int = 60_000) -> None:
    it.master.set_relays("io", pattern, it.clock.now_ms() + valid_ms)


def test_a_board_lives_by_a_heartbeat_each_second_and_dies_with_it(board: Rig) -> None:
    async def story(it: Story) -> None:
        await it.until(lambda: it.of(Reading, "io"))
        assert it.of(Identified)[0].identity["manufacturer"] == "depot-edge"
        await asyncio.sleep(1.0)
        assert not beats(board), "nobody has said which relays: no heartbeat"
        ask(it, 0b0101, valid_ms=6_500)
        await it.until(lambda: relays(board) == 0b0101)
        await asyncio.sleep(3.0)
        seen = beats(board)
        assert all(after[1] == before[1] + 1 for before, after in itertools.pairwise(seen))
        assert {pattern for _, _, pattern in seen} == {0b0101}
        gaps = sorted(b[0] - a[0] for a, b in itertools.pairwise(seen))
        assert 0.8 <= gaps[len(gaps) // 2] <= 1.5 and gaps[-1] < TIMEOUT_S, gaps
        # The core says no more: so does the master, and the board opens by itself.
        await it.until(lambda: relays(board) == 0, 12)
        assert beats(board)[-1][0] <= seen[0][0] + 7.5
        opened_s = board.said[-1]["ns"] / 1e9
        assert opened_s - beats(board)[-1][0] >= TIMEOUT_S - 0.05
        assert it.of(Reading, "io") and not it.of(Lost)

    tend(board, story)


def test_an_opening_goes_out_at_once_and_reading_goes_on(board: Rig) -> None:
    async def story(it: Story) -> None:
        ask(it, 0b1111)
        await it.until(lambda: relays(board) == 0b1111)
        read = len(it.of(Reading, "io"))
        after_s = []
        for pattern in (0b0111, 0b0011, 0b0001):
            await asyncio.sleep(0.4)  # well between two heartbeats
            asked_s = time.monotonic()
            ask(it, pattern)
            await it.until(lambda pattern=pattern: relays(board) == pattern, 3)
            after_s.append(next(at for at, _, asked in beats(board) if asked == pattern) - asked_s)
        assert min(after_s) < 0.3, f"with the next second's, not at once: {after_s}"
        await it.until(lambda: len(it.of(Reading, "io")) > read, 4)

    tend(board, story)


def test_a_board_that_was_away_is_recognised_before_it_hears_heartbeats_again(board: Rig) -> None:
    async def story(it: Story) -> None:
        ask(it, 0b0001)
        await it.until(lambda: relays(board) == 1)
        board.bus.cut = True
        await it.until(lambda: relays(board) == 0 and it.of(Lost, "io"), 10)
        asked = len(board.bus.heard)
        board.bus.cut = False
        await it.until(lambda: relays(board) == 1, 15)
        first = board.bus.heard[asked][1]
        assert first[:2] == bytes((UNIT, 4)) and first[:6] != HEARTBEAT, "identified first (I9)"
        assert len(it.of(Identified, "io")) == 2

    tend(board, story)


# By the clock alone ---------------------------------------------------------------------------------


@pytest.fixture
def io() -> Member:
    known = Member("io", golden.load("depot_io_board").device(recognised=True), charger=False)
    known.beaten = None
    return known


def due(io: Member, now_ms: int) -> list[tuple[Rank, int]]:
    return [(task.rank, task.at_ms) for task in io.tasks(now_ms, fast_at_ms=10**9) if task.rank < Rank.FAST]


def test_what_is_due_of_a_heartbeat(io: Member) -> None:
    assert due(io, 0) == []  # the core has not spoken
    io.relays = Relays(0b11, expires_at_ms=5_000, since_ms=100)
    assert due(io, 100) == [(Rank.WRITE, 0)]
    io.beat(200, 0b11)
    assert due(io, 200) == [(Rank.FEED, 1_200)]
    io.relays = Relays(0b01, expires_at_ms=5_000, since_ms=300)
    assert due(io, 300) == [(Rank.REDUCE, 0)]  # an opening overtakes everything
    io.beat(300, 0b01)
    io.relays = Relays(0b11, expires_at_ms=5_000, since_ms=400)
    assert due(io, 400) == [(Rank.WRITE, 0)]  # a closing does not
    assert due(io, 4_999) and due(io, 5_000) == []


def test_a_heartbeat_whose_answer_is_lost_goes_again(io: Member) -> None:
    io.relays = Relays(0b11, expires_at_ms=5_000, since_ms=100)
    io.beat(200, 0b11)
    io.beaten = None  # as while one is on its way
    assert due(io, 300) == [(Rank.WRITE, 0)]
