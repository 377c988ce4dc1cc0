"""Clients that others wrote, against frame.py: libmodbus' unit-test client, libmodbus, and mbpoll.

The unit-test client (Debian: libmodbus-dev, examples) wants a map of its own, so it meets frame.py behind
that map; mbpoll and libmodbus meet the whole firmware, run by board/host/run.py.
"""

import ctypes
import ctypes.util
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest

from edge.sim.board import firmware_module
from tests.board.rig import ALLOWED, SAFE, TRIPPED, Bus, Rig
from tests.fakes import micropython

frame = firmware_module("frame")

EXAMPLES = Path("/usr/share/doc/libmodbus-dev/examples")

# What libmodbus' client asks beyond the functions that the board has (22, 23, 17), or of a test server
# that misbehaves on purpose (wrong replies, delays); words of the source before the line that fails.
NOT_THE_BOARDS = (
    "modbus_write_and_read_registers",
    "modbus_mask_write_register",
    "modbus_report_slave_id",
    "_SPECIAL",
    "_INVALID_",
    "_SLEEP_",
)


class UnitTestMap(frame.Served):
    """The map of unit-test.h, from its addresses alone."""

    SPANS: ClassVar = {1: (0x130, 0x25), 5: (0x130, 0x25), 15: (0x130, 0x25), 2: (0x1C4, 0x16), 4: (0x108, 1)}

    def __init__(self) -> None:
        packed = b"\xac\xdb\x35"
        self.inputs = [packed[n >> 3] >> (n & 7) & 1 for n in range(0x16)]
        self.coils = [0] * 0x25
        self.registers = [0] * 0x20

    def span(self, function: int) -> tuple[int, int]:
        return self.SPANS.get(function, (0x160, 0x20))

    def holds(self, function: int, first: int, count: int) -> bool:
        start, size = self.span(function)
        return start <= first and first + count <= start + size

    def table(self, function: int) -> list[int]:
        return {1: self.coils, 5: self.coils, 15: self.coils, 2: self.inputs, 4: [0x0A]}.get(
            function, self.registers
        )

    def read(self, function: int, address: int) -> int:
        return self.table(function)[address - self.span(function)[0]]

    def check(self, function: int, address: int, value: int, count: int) -> int:
        return 0

    def write(self, function: int, address: int, value: int) -> None:
        self.table(function)[address - self.span(function)[0]] = value


def serve(path: str, server: frame.Server, over: threading.Event) -> None:
    """Answer on a terminal, a quiet 5 ms ending a frame."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    heard = time.monotonic()
    while not over.is_set():
        try:
            data = os.read(fd, 256)
            server.feed(bytearray(data), len(data))
            heard = time.monotonic()
        except BlockingIOError:
            if server.busy and time.monotonic() - heard > 0.005:
                length = server.end()
                if length:
                    os.write(fd, bytes(server.answer[:length]))
            time.sleep(0.0005)
    os.close(fd)


@pytest.fixture(scope="session")
def unit_test_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the client so that it opens our terminal, and goes on after a failure, printing it."""
    if not (EXAMPLES / "unit-test-client.c").exists():
        pytest.skip("libmodbus-dev is missing: its unit-test client does not run")
    folder = tmp_path_factory.mktemp("libmodbus")
    source = (EXAMPLES / "unit-test-client.c").read_text()
    source = source.replace('"/dev/ttyUSB1", 115200', "argv[2], 19200").replace(
        "<modbus.h>", "<modbus/modbus.h>"
    )
    source, count = re.subn(r"goto close; *\\", r" \\", source)
    assert count == 1
    (folder / "client.c").write_text(source)
    shutil.copy(EXAMPLES / "unit-test.h", folder)
    out = folder / "client"
    subprocess.run(
        [
            "gcc",
            "-w",
            "-I",
            str(folder),
            "-I/usr/include/modbus",
            "-o",
            str(out),
            str(folder / "client.c"),
            "-lmodbus",
        ],
        check=True,
    )
    return out


def test_libmodbus_unit_test_client(unit_test_client: Path) -> None:
    bus, over = Bus(), threading.Event()
    server = frame.Server(17)
    server.points = UnitTestMap()
    thread = threading.Thread(target=serve, args=(bus.board, server, over))
    thread.start()
    try:
        done = subprocess.run(
            ["stdbuf", "-o0", str(unit_test_client), "rtu", bus.client],
            capture_output=True,
            timeout=100,
            check=False,
        )
    finally:
        over.set()
        thread.join()
        bus.close()
    text = done.stdout.decode()
    source = (EXAMPLES / "unit-test-client.c").read_text().splitlines()
    unexpected = []
    failed = 0
    for found in re.finditer(r"^Line (\d+): .*", text, re.MULTILINE):
        failed += 1
        line = int(found[1])
        before = "\n".join(source[max(0, line - 13) : line])
        # The crafted raw requests share one line; what they sent is in the log just before.
        crafted = "send_raw_request(ctx, req," in before and "[11][17]" in text[: found.start()][-160:]
        if not crafted and not any(word in before for word in NOT_THE_BOARDS):
            unexpected.append(found[0])
    assert not unexpected
    passed = len(re.findall(r"OK$", text, re.MULTILINE))
    assert "TEST INVALID INITIALIZATION" in text and passed >= 90, (passed, failed)


@pytest.fixture
def rig(tmp_path: Path):
    board = Rig(tmp_path / "flash")
    yield board
    board.close()


@pytest.fixture(params=["cpython", "micropython"])
def either(tmp_path: Path, request: pytest.FixtureRequest):
    """Return a board that runs under one interpreter or the other."""
    try:
        board = Rig(tmp_path / "flash", under=request.param)
    except micropython.Missing as why:
        pytest.skip(str(why))
    yield board
    board.close()


def mbpoll(rig: Rig, *options: str, write: tuple[str, ...] = ()) -> tuple[int, list[int]]:
    """Return mbpoll's exit code and the values that it printed."""
    line = ["mbpoll", "-m", "rtu", "-b", "19200", "-P", "even", "-a", "200", "-0", "-q", "-1"]
    if write:
        line.remove("-1")
    done = subprocess.run(
        [*line, *options, rig.bus.client, *write], capture_output=True, text=True, check=False
    )
    return done.returncode, [int(n) for n in re.findall(r"^\[\d+\]:\s+(-?\d+)", done.stdout, re.MULTILINE)]


def test_mbpoll_reads_and_writes_the_running_firmware(either: Rig) -> None:
    rig = either
    assert mbpoll(rig, "-t", "3", "-r", "0", "-c", "4") == (0, [SAFE, 0, 0, 0])
    assert mbpoll(rig, "-t", "4", "-r", "20", "-c", "4") == (0, [200, 192, 1, 10000])
    assert mbpoll(rig, "-t", "0", "-r", "0", write=("1", "0", "1", "0"))[0] == 0
    assert mbpoll(rig, "-t", "0", "-r", "0", "-c", "4") == (0, [1, 0, 1, 0])
    assert mbpoll(rig, "-t", "1", "-r", "0", "-c", "16") == (0, [0] * 15 + [1])
    assert mbpoll(rig, "-t", "4", "-r", "24", write=("3",))[0] == 1, "a setting without the key"
    assert mbpoll(rig, "-t", "4", "-r", "44", "-c", "1")[0] == 1
    for counter in ("1", "2"):
        assert mbpoll(rig, "-t", "4", "-r", "0", write=(counter, "5"))[0] == 0
    assert mbpoll(rig, "-t", "3", "-r", "0", "-c", "1") == (0, [ALLOWED])
    rig.hand("input 2 open")
    time.sleep(0.2)
    assert mbpoll(rig, "-t", "3", "-r", "0", "-c", "2") == (0, [TRIPPED, 3])


class Libmodbus:
    """libmodbus' own C, reached through ctypes."""

    def __init__(self, path: str) -> None:
        found = ctypes.util.find_library("modbus")
        if not found:
            pytest.skip("libmodbus5 is missing")
        self.c = ctypes.CDLL(found)
        self.c.modbus_new_rtu.restype = ctypes.c_void_p
        self.ctx = ctypes.c_void_p(self.c.modbus_new_rtu(path.encode(), 19200, ctypes.c_char(b"E"), 8, 1))
        assert self.c.modbus_set_slave(self.ctx, 200) == 0 and self.c.modbus_connect(self.ctx) == 0

    def write(self, first: int, *words: int) -> int:
        return self.c.modbus_write_registers(
            self.ctx, first, len(words), (ctypes.c_uint16 * len(words))(*words)
        )

    def inputs(self, first: int, count: int) -> list[int]:
        out = (ctypes.c_uint16 * count)()
        assert self.c.modbus_read_input_registers(self.ctx, first, count, out) == count
        return list(out)

    def close(self) -> None:
        self.c.modbus_close(self.ctx)
        self.c.modbus_free(self.ctx)


def test_a_cut_cable_opens_the_relays_in_time(either: Rig) -> None:
    """In real time: configured, brought up, cut off; every relay is open within timeout + 100 ms."""
    rig = either
    client = Libmodbus(rig.bus.client)
    try:
        assert client.write(11, 0x4445, 0x5054) == 2
        for address, word in ((23, 2000), (34, 1), (35, 100)):
            assert client.write(address, word) == 1
        assert client.write(10, 3) == 1
        counter = 0
        while rig.said[-1]["relays"] != 15:
            counter += 1
            assert counter < 100 and client.write(0, counter, 15) == 2
            last = time.monotonic_ns()
            time.sleep(0.05)
        assert client.write(0, counter + 1, 15) == 2
        last = time.monotonic_ns()
        rig.bus.cut = True
        rig.wait(lambda: rig.said[-1]["relays"] == 0)
        late_ms = (rig.said[-1]["ns"] - last) / 1e6 - 2000
        stalled_ms = rig.said[-1]["stall_ns"] / 1e6  # this machine's doing, beyond what a loop may take
        assert -20 <= late_ms <= 100 + (stalled_ms if stalled_ms > 25 else 0), late_ms
        rig.bus.cut = False
        assert client.inputs(0, 2) == [SAFE, 2] and client.inputs(34, 1) == [1]
    finally:
        client.close()


def test_a_restart_on_command_starts_safe(rig: Rig) -> None:
    client = Libmodbus(rig.bus.client)
    try:
        assert client.write(11, 0x4445, 0x5054) == 2 and client.write(10, 5) == 1
        rig.wait(lambda: len(rig.said) >= 2)
        time.sleep(0.3)
        assert client.inputs(22, 2) == [1, 2] and rig.said[-1]["relays"] == 0
    finally:
        client.close()


def test_a_loop_that_hangs_is_ended_by_the_watchdog(rig: Rig) -> None:
    rig.hand("hang")
    rig.wait(lambda: len(rig.said) >= 2, seconds=8)
    assert rig.said[-1]["start"] == 3 and rig.said[-1]["relays"] == 0
