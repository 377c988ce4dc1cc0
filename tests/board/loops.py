# What a loop of the firmware costs at worst: its time under MicroPython, its instructions under CPython.
#
# Every loop with a request in it also ends the window of all three currents.  Not in it: what is written
# to the flash (README.md), and each 10 s a look at thermometer and memory (report() tells a kilobyte's).

import sys

from frame import crc16
from world import World

TIMES = 200

# The longest of each kind that the board answers, and the longest that it refuses.
REQUESTS = (
    ("a heartbeat", (16, 0, 0, 0, 2, 4, 0, 9, 0, 15)),
    ("125 words read", (4, 0, 0, 0, 125)),
    ("44 settings read", (3, 0, 0, 0, 44)),
    ("17 bits read", (2, 0, 0, 0, 17)),
    ("24 settings written", (16, 0, 20, 0, 24, 48) + (0,) * 48),
    ("123 words refused", (16, 0, 0, 0, 123, 246) + (0,) * 246),
    ("four coils written", (15, 0, 0, 0, 4, 1, 15)),
    ("identification", (43, 14, 3, 0)),
    ("another function", (8, 0, 0, 0, 0)),
)


class Bench:
    def __init__(self):
        self.world = World()
        self.world.configure((23, 60000), (27, 15), (39, 1000), (40, 1000), (41, 1000), (34, 1), (35, 100))
        settings = self.world.board.words
        self.world.board.draft[:] = settings
        for counter in range(1, 4):
            self.world.beat(counter, 15)
        self.count = 3
        self.write_all = (16, 0, 20, 0, 24, 48) + tuple(
            [half for w in settings for half in (w >> 8, w & 255)]
        )

    def loop(self, measure, ms=200):
        # Let ms pass and measure one loop.
        self.world.clock.advance(ms)
        return measure(self.world.firmware.loop)

    def request(self, pdu, measure):
        # Return what the loop costs that takes a request in whole, and what the one does that answers.
        board = self.world.board
        board.key_open_ms = 60_000
        self.count += 1
        self.world.firmware.server.points.write(16, 0, self.count)  # a heartbeat has come: nothing is silent
        if len(pdu) == len(self.write_all) and pdu[2] == 20:
            pdu = self.write_all
        frame = bytearray((200,) + pdu + (0, 0))
        crc = crc16(frame, 0, len(frame) - 2, 0xFFFF)
        frame[len(frame) - 2] = crc & 255
        frame[len(frame) - 1] = crc >> 8
        self.world.line.put(frame)
        taken = self.loop(measure)
        self.world.line.sent_count = 0
        answered = self.loop(measure)
        assert self.world.line.sent_count, "it was answered"
        return taken, answered


def costs(measure):
    # Return [(what, cost)] of every kind of loop; measure(function) calls it and returns what it cost.
    bench = Bench()
    found = [("nothing on the line", best([bench.loop(measure, 1) for _ in range(TIMES)]))]
    for name, pdu in REQUESTS:
        pairs = [bench.request(pdu, measure) for _ in range(TIMES)]
        found.append((name + ": taken", best([pair[0] for pair in pairs])))
        found.append((name + ": answered", best([pair[1] for pair in pairs])))
    return found


def instructions(function):
    # CPython: run a function and return how many instructions that took.
    seen = [0]

    def trace(frame, event, _):
        frame.f_trace_opcodes = True
        seen[0] += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(None)
    return seen[0]


def nanoseconds(function):
    # MicroPython: run a function and return how long that took, by node's clock: its own has milliseconds.
    import js

    begun = js.performance.now()
    function()
    return int((js.performance.now() - begun) * 1e6)


def additions(p):
    # What a published figure of the RP2040 was measured with: README.md, "How long a loop takes".
    for _ in range(p[0]):
        c = p[1] + p[2]
    return c


def addition_ns():
    return best([nanoseconds(lambda: additions([1000, 12345678, 56781234])) for _ in range(TIMES)]) // 1000


def best(numbers):
    # The smallest: whatever else the machine does only adds.
    return min(numbers)


def report():
    # MicroPython: print what an addition takes, each kind of loop, and a look at a kilobyte of memory; ns.
    import gc

    print(addition_ns(), "addition")
    for name, cost in costs(nanoseconds):
        print(cost, name)
    heap = (gc.mem_free() + gc.mem_alloc()) // 1024
    print(best([nanoseconds(gc.mem_free) for _ in range(10)]) // heap, "memory")
