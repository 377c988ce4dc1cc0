# The whole firmware with time and line in a test's hand; runs under CPython and under MicroPython.
# Nothing in step() or its doubles allocates, so that what the loop allocates can be measured.

import gc
import sys

if not hasattr(gc, "mem_free"):  # CPython
    gc.mem_free = lambda: 0

WRAP = 1 << 30
MASK = WRAP - 1  # the largest integer that is not on MicroPython's heap
HALF = 1 << 29


class Clock:
    # Stand in for the module `time`.
    def __init__(self):
        self.ms = 0
        self.us = 0

    def ticks_ms(self):
        return self.ms

    def ticks_us(self):
        return self.us

    def ticks_diff(self, a, b):
        apart = (a - b) & MASK
        return apart if apart < HALF else apart - MASK - 1

    def advance(self, ms):
        self.ms = (self.ms + ms) & MASK
        self.us = (self.us + 1000 * ms) & MASK


class Line:
    def __init__(self):
        self.coming = bytearray(512)
        self.count = 0
        self.sent = bytearray(256)
        self.sent_count = 0
        self.how = None

    def put(self, data):
        for byte in data:
            self.coming[self.count] = byte
            self.count += 1

    def any(self):
        return self.count

    def readinto(self, buffer, count):
        for index in range(count):
            buffer[index] = self.coming[index]
        for index in range(count, self.count):
            self.coming[index - count] = self.coming[index]
        self.count -= count
        return count

    def write(self, data):
        for index in range(len(data)):
            self.sent[index] = data[index]
        self.sent_count = len(data)
        return len(data)

    def txdone(self):
        return True


class Flash:
    # main.Files' stand-in: a dictionary, so that a test needs no file system.
    def __init__(self):
        self.files = {}
        self.writes = 0

    def read(self, name):
        return self.files.get(name, b"")

    def write(self, name, data):
        self.files[name] = bytes(data)
        self.writes += 1


def crc_bitwise(data):
    # The CRC as the specification describes it, sharing nothing with frame.py's table.
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            carry = crc & 1
            crc >>= 1
            if carry:
                crc ^= 0xA001
    return bytes([crc & 0xFF, crc >> 8])


class World:
    # A board of its own; its clock starts at ms.
    def __init__(self, flash=None, ms=0, cause=1):
        self.clock = Clock()
        self.clock.ms = ms
        self.clock.us = (ms * 1000) & MASK
        self.line = Line()
        self.flash = flash or Flash()
        real = sys.modules.get("time")
        sys.modules["time"] = self.clock
        for name in ("main", "pins_pico"):
            if name in sys.modules:
                del sys.modules[name]
        import machine

        self.machine = machine
        machine.PINS.clear()
        machine.ADCS.clear()
        machine.I2C_DEVICES.clear()
        machine.I2C_DEVICES[0x48] = {0: b"\x16\x80"}
        machine.RESET_CAUSE = cause
        machine.open_line = self._open
        import main
        import pins_pico

        if real is not None:
            sys.modules["time"] = real
        else:
            del sys.modules["time"]
        self.closed = 2  # inputs whose loop is closed: the emergency stop's
        self.follow = True
        main.Flash = lambda: self.flash
        self.firmware = main.Firmware(pins_pico, main.__file__.rsplit("/", 1)[0])
        self.board = self.firmware.board
        self.watchdog = machine.WDT()
        self.moves = 0  # times that a relay's pin changed
        self.history = []  # (ms, pattern) of each, while it is kept
        self.remembers = True
        self.relays = 0

    def _open(self, baud, parity, stop):
        self.line.how = (baud, parity, stop)
        return self.line

    def step(self, ms=1):
        # Let ms pass and the loop go round once.
        pins = self.machine.PINS
        for index in range(4):
            pins[14 + index] = 0 if (self.closed >> index & 1) and not pins[18] else 1
            if self.follow:
                pins[10 + index] = 1 - pins[6 + index]
        self.clock.advance(ms)
        self.firmware.loop()
        self.watchdog.feed()
        now = pins[6] | pins[7] << 1 | pins[8] << 2 | pins[9] << 3
        if now != self.relays:
            self.relays = now
            self.moves += 1
            if self.remembers:
                self.history.append((self.clock.ms, now))

    def run(self, ms, stride=1):
        for _ in range(ms // stride):
            self.step(stride)

    def ask(self, pdu, unit=200):
        # Send a request and return the answer's function and data, None for no answer.
        frame = bytes([unit]) + bytes(pdu)
        self.line.sent_count = 0
        self.line.put(frame + crc_bitwise(frame))
        self.run(10)
        answer = bytes(self.line.sent[: self.line.sent_count])
        if not answer:
            return None
        assert crc_bitwise(answer[:-2]) == answer[-2:], "an answer's CRC is wrong"
        assert answer[0] == unit
        return answer[1:-2]

    def beat(self, counter, pattern):
        frame = [16, 0, 0, 0, 2, 4, counter >> 8, counter & 0xFF, 0, pattern]
        assert self.ask(frame) == bytes([16, 0, 0, 0, 2])

    def words(self, function, first, count):
        answer = self.ask([function, first >> 8, first & 0xFF, 0, count])
        assert answer[0] == function and answer[1] == 2 * count, answer
        return [answer[2 + 2 * n] << 8 | answer[3 + 2 * n] for n in range(count)]

    def write(self, address, *words):
        # Write holding registers; return 0 or the exception.
        frame = [16, address >> 8, address & 0xFF, 0, len(words), 2 * len(words)]
        for word in words:
            frame += [word >> 8, word & 0xFF]
        answer = self.ask(frame)
        return answer[1] if answer[0] & 0x80 else 0

    def configure(self, *settings):
        # Set (address, word …) with the factory's key, and commit.
        assert self.write(11, 0x4445, 0x5054) == 0
        for address, word in settings:
            assert self.write(address, word) == 0, address
        assert self.write(10, 3) == 0
