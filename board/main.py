# Run the board: one loop, nothing in it that waits.  This file and pins_*.py alone know the hardware.
#
# Rule 1: outputs are written in one line of loop(), and nowhere else but when the firmware gives up.
# Rule 2: the watchdog is fed only by a finished loop, which has read the inputs and written the outputs.
# Rule 3: time passes in elapsed milliseconds; ticks wrap here, in ticks_diff, and nowhere else.
# Rule 4: Ctrl-C (mpremote) opens every relay and keeps the board waiting for a programmer; any other
#         failure opens them too and leaves the rest to the watchdog.

import gc
import hashlib
import os
import time

import config
import machine
from frame import MOST_BYTES, Server
from points import Points
from store import Files

from board import NO_SENSOR, Board

WATCHDOG_MS = 4000
THERMOMETER_MS = 10_000
TRIES = 3  # of a thermometer that does not answer

# What is flashed, in the order in which it is hashed.
FILES = (
    "board",
    "config",
    "failsafe",
    "frame",
    "inputs",
    "main",
    "outputs",
    "pins_pico",
    "points",
    "rms",
    "selftest",
    "store",
)


class Flash(Files):
    # The files that lie beside the firmware.
    def read(self, name: str) -> bytes:
        try:
            with open(name, "rb") as file:
                return bytes(file.read())
        except OSError:
            return b""

    def write(self, name: str, data: bytes) -> None:
        with open(name, "wb") as file:
            file.write(data)


def fingerprint(folder: str) -> str:
    # Return the first 16 hexadecimal digits of SHA-256 over the files (registers.md, last paragraph).
    there = os.listdir(folder)
    digest = hashlib.sha256()
    for module in FILES:
        for name in (module + ".mpy", module + ".py"):
            if name in there:
                with open(folder + "/" + name, "rb") as file:
                    content = file.read()
                digest.update(name.encode() + b"\0" + len(content).to_bytes(4, "big"))
                digest.update(content)
                break
    gc.collect()
    return str(digest.digest()[:8].hex())


class Firmware:
    # pins: a pins_*.py.  folder: where the firmware's own files lie.
    def __init__(self, pins, folder: str) -> None:  # type: ignore[no-untyped-def]
        self.pins = pins
        self.board = Board(Flash(), machine.reset_cause())
        words = self.board.words
        baud = words[config.BAUD] * 100
        serial = (machine.unique_id().hex() + "0" * 16)[:16]
        self.server = Server(words[config.UNIT])
        self.points = Points(self.board, self.server, serial, fingerprint(folder), pins.PORT)
        self.server.points = self.points
        self.uart = pins.line(baud, words[config.PARITY])
        # 3.5 characters of 11 bits; above 19 200 baud 1.75 ms (MODBUS over Serial Line V1.02, 2.5.1.1).
        self.gap_us = 1750 if baud > 19200 else 38_500_000 // baud
        self._bytes = bytearray(MOST_BYTES)
        whole = memoryview(self.server.answer)
        self._answers = [whole[:length] for length in range(MOST_BYTES + 1)]
        self._sending = False
        self._failures = 0
        self._thermometer_ms = 0
        gc.collect()
        self._last_ms = time.ticks_ms()
        self._heard_us = time.ticks_us()

    def loop(self) -> None:
        # Once round: inputs, decision, outputs, measurements, line, light.
        begun_us = time.ticks_us()
        now_ms = time.ticks_ms()
        dt_ms = max(time.ticks_diff(now_ms, self._last_ms), 0)
        self._last_ms = now_ms
        pins = self.pins
        board = self.board
        pattern = board.step(dt_ms, pins.inputs(), pins.feedback())
        pins.drive(pattern)
        pins.cut(board.selftest.cut)
        board.settle()
        for index in range(3):
            board.currents[index].sample(dt_ms, pins.current(index))
        self._serve()
        self._thermometer(dt_ms)
        pins.light(board.light())
        spent_us = time.ticks_diff(time.ticks_us(), begun_us)
        self.points.longest_us = max(self.points.longest_us, spent_us)

    def _serve(self) -> None:
        # Take what has come in; answer once the line has been quiet for a gap.
        uart = self.uart
        if self._sending and uart.txdone():
            self._sending = False
            self.pins.sending(False)
        waiting = uart.any()
        if waiting:
            count = uart.readinto(self._bytes, min(waiting, MOST_BYTES))
            if count:
                self.server.feed(self._bytes, count)
            self._heard_us = time.ticks_us()
        elif self.server.busy and time.ticks_diff(time.ticks_us(), self._heard_us) >= self.gap_us:
            length = self.server.end()
            if length:
                self.pins.sending(True)
                self._sending = True
                uart.write(self._answers[length])
        elif self.board.restart and not self._sending:
            self.pins.drive(0)
            machine.reset()

    def _thermometer(self, dt_ms: int) -> None:
        # Look at the temperature and the memory now and then.
        self._thermometer_ms += dt_ms
        if self._thermometer_ms < THERMOMETER_MS:
            return
        self._thermometer_ms = 0
        self.points.free_bytes = gc.mem_free()
        if self._failures >= TRIES:
            return
        seen = self.board.temperature
        self.board.temperature = self.pins.temperature()
        if self.board.temperature == NO_SENSOR:
            self._failures += 1
            self.board.sensor_silent = self.board.sensor_silent or seen != NO_SENSOR
        else:
            self._failures = 0
            self.board.sensor_silent = False


def main() -> None:
    import pins_pico as pins  # noqa: PLC0415  the terminals come to rest first, and only on a board

    folder = __file__[: __file__.rindex("/")] if "/" in __file__ else "."
    watchdog = machine.WDT(timeout=WATCHDOG_MS)
    firmware = Firmware(pins, folder)
    try:
        while True:
            firmware.loop()
            watchdog.feed()
    except KeyboardInterrupt:
        # A programmer is there.  Relays stay open; a timer feeds the watchdog until the reset that follows.
        pins.drive(0)
        machine.Timer(-1, period=1000, callback=lambda _: watchdog.feed())
        print("stopped: every relay is open until the next start")
    except BaseException:
        pins.drive(0)
        raise


if __name__ == "__main__":
    main()
