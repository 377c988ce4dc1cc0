"""The wire believes an answer only if it is the answer.  Every lie of tests/fakes/liars.py is told to it."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable

import pytest

from drivers.wire import Read, Write
from edge.model.site import Line
from edge.shell.modbus import Wire
from edge.shell.outcome import Counts, Garbage, Refused, Silent, Unplugged
from edge.shell.ports import serial_line, tcp
from tests.fakes import liars
from tests.fakes.liars import Device, PtyLine, TcpHost

VALUES = {10: 100, 11: 101, 12: 102, 20: 200, 21: 201, 22: 202, 30: 300, 31: 301, 32: 302}
TEN, TWENTY, THIRTY = (Read(1, "holding", address, 2) for address in (10, 20, 30))


def rtu(line: PtyLine, **other) -> Wire:
    return serial_line(Line("a", line.port, framing=line.framing, **other))


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))


async def opened(wire: Wire) -> Wire:
    await wire.open()
    return wire


def over_rtu(story: Callable[[Wire, Device], Awaitable[None]], **line) -> None:
    device = Device(dict(VALUES))
    with PtyLine({1: device}, **line) as fake:

        async def whole() -> None:
            wire = await opened(rtu(fake))
            await story(wire, device)
            wire.close()

        run(whole)


def in_time_over_rtu(story: Callable[[Wire, Device], Awaitable[None]]) -> None:
    """Play a story that hangs on some 50 ms: again, twice at most, where a busy machine was late."""
    for _ in range(2):
        try:
            return over_rtu(story)
        except (AssertionError, pytest.fail.Exception):
            continue
    return over_rtu(story)


def over_tcp(story: Callable[[Wire, Device], Awaitable[None]]) -> None:
    device = Device(dict(VALUES))
    with TcpHost({1: device}) as fake:

        async def whole() -> None:
            wire = await opened(tcp("127.0.0.1", fake.port))
            await story(wire, device)
            wire.close()

        run(whole)


def over_ascii(story: Callable[[Wire, Device], Awaitable[None]]) -> None:
    over_rtu(story, framing="ascii")


ANY = pytest.mark.parametrize("over", [over_tcp, over_rtu, over_ascii])


@ANY
def test_reads_and_writes(over):
    async def story(wire, device):
        assert await wire.ask(TEN) == (100, 101)
        assert await wire.ask(Read(1, "input", 12, 1)) == (102,)
        assert await wire.ask(Write(1, 16, 20, (7, 8))) == ()
        assert await wire.ask(Write(1, 6, 22, (9,))) == ()
        assert device.written == [(16, 20, (7, 8)), (6, 22, (9,))]

    over(story)


@ANY
@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (liars.lost, Silent),
        (liars.other_unit, Garbage),
        (liars.other_function, Garbage),
        (liars.fewer, Garbage),
        (liars.more, Garbage),
        (liars.truncated, Garbage),
        (liars.noise(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Garbage),
        (liars.noise(b"\xff" * 300), Garbage),
    ],
    ids=lambda lie: getattr(lie, "__name__", ""),
)
def test_a_lie_is_not_believed_and_the_next_answer_is_right(over, lie, error):
    async def story(wire, device):
        counts = Counts()
        device.lies = [lie]
        with pytest.raises(error):
            await wire.ask(TEN, 100, counts)
        if not wire.connected:  # a TCP stream out of step is closed: nothing else brings it back
            await wire.open()
        assert await wire.ask(TWENTY, 1000, counts) == (200, 201)
        assert counts.requests == 2
        assert (counts.timeouts, counts.errors > 0) == ((1, False) if error is Silent else (0, True))

    over(story)


@pytest.mark.parametrize("over", [over_rtu, over_ascii])
def test_a_wrong_checksum_is_not_believed(over):
    async def story(wire, device):
        device.lies = [liars.garbled]
        with pytest.raises(Garbage):
            await wire.ask(TEN, 100)
        assert await wire.ask(TWENTY, 1000) == (200, 201)

    over(story)


@ANY
def test_a_refusal_carries_its_code(over):
    async def story(wire, device):
        counts = Counts()
        with pytest.raises(Refused, match="illegal data address") as refusal:
            await wire.ask(Read(1, "holding", 999, 1), 100, counts)
        assert refusal.value.code == 2
        assert (counts.refusals, counts.errors, counts.timeouts) == (1, 0, 0)

    over(story)


@ANY
def test_bytes_that_come_one_by_one_make_an_answer(over):
    async def story(wire, device):
        device.always = liars.drip(0.003)
        assert await wire.ask(TEN, 1000) == (100, 101)
        assert await wire.ask(TWENTY, 1000) == (200, 201)

    over(story)


@pytest.mark.parametrize("over", [over_rtu, over_ascii])
@pytest.mark.parametrize("noise", [b"\0", b"\1", b"\1\3", b"\1\3\4\0\0", b"\xff\x01\x83"])
def test_noise_before_an_answer_does_not_hide_it(over, noise):
    async def story(wire, device):
        device.lies = [liars.stray(noise)]
        counts = Counts()
        assert await wire.ask(TEN, 1000, counts) == (100, 101)
        assert await wire.ask(TWENTY, 1000, counts) == (200, 201)

    if over is over_rtu or b"\r" not in noise:
        over(story)


def test_a_hiccup_does_not_shift_the_answers_of_a_serial_line():
    """pymodbus' own client returns the value of the question before for ever after (upstream PR 2636)."""

    async def story(wire, device):
        device.always, device.lies = liars.late(0.1), [liars.late(0.1), liars.late(0.36)]
        assert await wire.ask(TEN, 1000) == (100, 101)
        with pytest.raises(Silent):
            await wire.ask(TWENTY, 300)
        for _ in range(3):
            assert await wire.ask(TEN, 1000) == (100, 101)
            assert await wire.ask(THIRTY, 1000) == (300, 301)

    over_rtu(story)


@pytest.mark.parametrize("lateness", [0.11, 0.15, 0.25, 0.35])
def test_a_late_answer_is_never_taken_for_the_next(lateness):
    """Every lateness up to timeout and settling time; the next question has the same shape."""

    async def story(wire, device):
        counts = Counts()
        device.lies = [liars.late(lateness)]
        with pytest.raises(Silent):
            await wire.ask(TEN, 100, counts)
        assert await wire.ask(TWENTY, 1000, counts) == (200, 201)
        assert (counts.timeouts, counts.errors) == (1, 1), "the late one is counted as dropped"

    over_rtu(story)


def test_a_late_answer_is_dropped_on_tcp_by_its_transaction():
    async def story(wire, device):
        counts = Counts()
        device.lies = [liars.late(0.15)]
        with pytest.raises(Silent):
            await wire.ask(TEN, 100, counts)
        began = time.monotonic()
        assert await wire.ask(TWENTY, 1000, counts) == (200, 201)
        assert time.monotonic() - began < 0.29, "no settling time: a transaction tells them apart"
        assert counts.errors == 1

    over_tcp(story)


def test_transaction_zero_is_not_an_answer():
    device = Device(dict(VALUES))
    with TcpHost({1: device}) as host:
        host.transaction = lambda tid: 0

        async def story():
            wire = await opened(tcp("127.0.0.1", host.port))
            with pytest.raises(Garbage):
                await wire.ask(TEN, 100)
            wire.close()

        run(story)


def test_an_answer_that_is_repeated_for_ever_is_believed_once():
    """TCP tells by the transaction; a serial frame only by its shape."""

    async def on_tcp(wire, device):
        device.always = liars.stuck()
        assert await wire.ask(TEN, 1000) == (100, 101)
        for question in (TEN, TWENTY):
            with pytest.raises(Garbage):
                await wire.ask(question, 100)

    async def on_rtu(wire, device):
        device.always = liars.stuck()
        assert await wire.ask(TEN, 1000) == (100, 101)
        with pytest.raises(Garbage, match="6 bytes of answer instead of 4"):
            await wire.ask(Read(1, "holding", 20, 1), 100)

    over_tcp(on_tcp)
    over_rtu(on_rtu)


def test_another_unit_need_not_wait_for_a_dead_one_for_ever():
    """The first silence of a unit keeps the line quiet; when it stays dead, only itself is kept waiting."""
    with PtyLine({1: Device(dict(VALUES))}) as line:

        async def story():
            wire = await opened(rtu(line))
            for _ in range(2):
                with pytest.raises(Silent):
                    await wire.ask(Read(9, "holding", 10, 2), 100)
            began = time.monotonic()
            assert await wire.ask(TEN, 1000) == (100, 101)
            assert time.monotonic() - began < 0.29, "less than the settling time"
            wire.close()

        run(story)


def test_the_second_late_answer_in_a_row_is_not_taken_for_the_next_either():
    """After a second silence the line is not kept quiet for the others, but the unit itself still is."""

    async def story(wire, device):
        device.lies = [liars.lost, liars.late(0.25)]
        for _ in range(2):
            with pytest.raises(Silent):
                await wire.ask(TEN, 100)
        assert await wire.ask(TWENTY, 1000) == (200, 201)

    over_rtu(story)


def test_two_late_answers_are_both_waited_for():
    """The device hangs for 0.55 s with two questions in its input, then answers both, one after the other."""

    async def story(wire, device):
        device.lies = [liars.late(0.55), liars.late(0.03)]
        for question in (TEN, TWENTY):
            with pytest.raises(Silent):
                await wire.ask(question, 100)
        for _ in range(2):
            assert await wire.ask(THIRTY, 1000) == (300, 301)
            assert await wire.ask(TEN, 1000) == (100, 101)

    over_rtu(story)


def test_a_unit_that_speaks_out_of_turn_is_let_finish():
    async def story(wire, device):
        device.lies = [liars.said_at(0.0, 0.05, 0.05, 0.05)]
        assert await wire.ask(TEN, 1000) == (100, 101)
        await asyncio.sleep(0.06)
        assert await wire.ask(TWENTY, 1000) == (200, 201)
        assert await wire.ask(THIRTY, 1000) == (300, 301)

    in_time_over_rtu(story)


@pytest.mark.parametrize("gap_s", [0.0, 0.05])
def test_an_answer_given_twice_is_taken_once(gap_s):
    async def story(wire, device):
        counts = Counts()
        device.lies = [liars.doubled(gap_s)]
        assert await wire.ask(TEN, 1000, counts) == (100, 101)
        await asyncio.sleep(gap_s + 0.02)
        for _ in range(3):
            assert await wire.ask(TWENTY, 1000, counts) == (200, 201)
            assert await wire.ask(THIRTY, 1000, counts) == (300, 301)
        assert counts.errors == 1

    over_rtu(story)


def test_an_answer_faster_than_the_line_was_not_meant_for_us():
    """On a real line 17 characters at 1200 Bd take 156 ms; what is there after 5 ms answers the past."""
    device = Device(dict(VALUES))
    with PtyLine({1: device}) as line:

        async def story():
            wire = serial_line(Line("a", line.port, baud=1200), physical=True)
            await wire.open()
            with pytest.raises(Silent):
                await wire.ask(TEN, 100)
            device.always = liars.late(0.18)
            assert await wire.ask(TEN, 1000) == (100, 101)
            wire.close()

        run(story)


def test_a_port_that_is_no_line_is_found_out():
    """A device with a USB port of its own answers at once, whatever baud rate was set."""
    with PtyLine({1: Device(dict(VALUES))}) as line:

        async def story():
            wire = serial_line(Line("a", line.port, baud=1200), physical=True)
            await wire.open()
            for _ in range(3):
                with pytest.raises(Silent):
                    await wire.ask(TEN, 50)
            for _ in range(3):
                assert await wire.ask(TEN, 1000) == (100, 101)
            wire.close()

        run(story)


def test_an_echo_is_not_taken_for_the_answer_of_a_dead_device():
    """An adapter that echoes makes function 6 look answered; reads find the adapter out."""
    with PtyLine({1: Device(dict(VALUES))}, echo=True) as line:

        async def story():
            wire = await opened(rtu(line))
            with pytest.raises(Silent):
                await wire.ask(Read(9, "holding", 10, 2), 50)
            assert wire.echoes
            with pytest.raises(Silent):
                await wire.ask(Write(9, 6, 10, (5,)), 50)
            assert await wire.ask(TEN, 1000) == (100, 101)
            assert await wire.ask(Write(1, 6, 10, (5,)), 1000) == ()
            assert await wire.ask(TEN, 1000) == (5, 101)
            wire.close()

        run(story)


def test_an_echo_does_not_hide_a_refusal():
    async def story(wire, device):
        with pytest.raises(Refused):
            await wire.ask(Read(1, "holding", 999, 1), 100)
        assert wire.echoes

    over_rtu(story, echo=True)


def test_abl_answers_with_its_own_sign_and_wants_to_be_asked_twice():
    device = Device(dict(VALUES))
    with PtyLine({1: device}, framing="ascii", answer_start=b">", deaf_first=0.6) as line:

        async def story():
            wire = await opened(rtu(line))
            counts = Counts()
            for _ in range(2):
                assert await wire.ask(TEN, 200, counts, twice=True) == (100, 101)
                await asyncio.sleep(0.8)
            assert (counts.requests, counts.timeouts) == (2, 0), "the knock is not held against it"
            wire.close()

        run(story)


def test_the_other_side_hangs_up_in_mid_question():
    device = Device(dict(VALUES), lies=[liars.late(1.0)])
    with TcpHost({1: device}) as host:

        async def story():
            wire = await opened(tcp("127.0.0.1", host.port))
            asyncio.get_running_loop().call_later(0.1, host.hang_up)
            began = time.monotonic()
            with pytest.raises(Unplugged):
                await wire.ask(TEN, 3000)
            assert time.monotonic() - began < 0.5, "it does not wait out the timeout"
            assert not wire.connected
            await asyncio.sleep(1.0)
            await wire.open()
            assert await wire.ask(TEN) == (100, 101)
            wire.close()

        run(story)


def test_a_connection_on_which_nothing_comes_is_closed():
    with TcpHost({1: Device(dict(VALUES), always=liars.lost)}) as host:

        async def story():
            wire = await opened(tcp("127.0.0.1", host.port))
            for _ in range(3):
                with pytest.raises(Silent):
                    await wire.ask(TEN, 30)
            assert not wire.connected
            with pytest.raises(Unplugged, match="not connected"):
                await wire.ask(TEN, 30)

        run(story)


def test_no_port_and_no_listener_are_said_in_words(tmp_path):
    async def story():
        with pytest.raises(Unplugged, match=r"ttyNONE.*No such file"):
            await serial_line(Line("a", str(tmp_path / "ttyNONE"))).open()
        with TcpHost({}) as host:
            port = host.port
        with pytest.raises(Unplugged, match=f"127.0.0.1:{port}.*refused"):
            await tcp("127.0.0.1", port).open()

    run(story)


def test_the_cable_is_pulled():
    line = PtyLine({1: Device(dict(VALUES))}).__enter__()

    async def story():
        wire = await opened(rtu(line))
        assert await wire.ask(TEN) == (100, 101)
        line.stop()
        await asyncio.sleep(0.05)
        with pytest.raises(Unplugged):
            await wire.ask(TEN)
        assert not wire.connected

    run(story)


def test_a_cancelled_question_is_remembered_as_open():
    async def story(wire, device):
        device.lies = [liars.late(0.1)]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wire.ask(TEN, 1000), 0.05)
        assert await wire.ask(TWENTY, 1000) == (200, 201)

    in_time_over_rtu(story)


def test_a_gateway_passes_serial_frames_over_tcp():
    """`port = "socket://HOST:PORT"`: RTU frames in a TCP stream, served here from a pseudo-terminal."""
    with PtyLine({1: Device(dict(VALUES))}) as line, socket.create_server(("127.0.0.1", 0)) as server:

        def bridge() -> None:
            client, _ = server.accept()
            fd = os.open(line.port, os.O_RDWR | os.O_NOCTTY)
            os.write(fd, client.recv(100))
            time.sleep(0.1)
            client.sendall(os.read(fd, 100))
            os.close(fd)

        threading.Thread(target=bridge, daemon=True).start()

        async def story():
            wire = serial_line(Line("a", f"socket://127.0.0.1:{server.getsockname()[1]}"))
            await wire.open()
            assert await wire.ask(TEN, 500) == (100, 101)
            wire.close()

        run(story)


def test_the_tap_hears_both_sides():
    async def story(wire, device):
        heard = []
        wire.tap = lambda direction, _at, data: heard.append((direction, data.hex()))
        await wire.ask(TEN)
        request, answer = "0103000a0002", "01030400640065"
        assert heard == [
            ("→", request + liars.crc16(bytes.fromhex(request)).hex()),
            ("←", answer + liars.crc16(bytes.fromhex(answer)).hex()),
        ]

    over_rtu(story)


@pytest.mark.parametrize(
    "question",
    [Read(1, "holding", 0, 0), Read(1, "holding", 0, 126), Read(1, "coil", 0, 2001), Read(300, "input", 0, 1),
     Read(1, "holding", 70_000, 1), Write(1, 6, 0, (1, 2)), Write(1, 16, 0, ()), Write(1, 3, 0, (1,))],
)  # fmt: skip
def test_what_modbus_cannot_ask_is_refused_before_it_is_sent(question):
    async def story(wire, device):
        with pytest.raises(ValueError):
            await wire.ask(question)
        assert device.log == []
        assert await wire.ask(TEN) == (100, 101)

    over_rtu(story)


@pytest.mark.parametrize("text", ["8E", "9N1", "8X1", "8E3", ""])
def test_a_serial_format_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="expected data bits"):
        serial_line(Line("a", "/dev/null", format=text))
