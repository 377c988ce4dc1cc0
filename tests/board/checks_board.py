# What must hold of the whole firmware, from terminals to terminals, under both interpreters.

import gc

from frame import crc16
from world import WRAP, Flash, World

SAFE, ALLOWED, LIMITED, TRIPPED = range(4)


def quick(*settings, **how):
    # A board whose relays come back quickly, its feedback wired.
    world = World(**how)
    world.configure((23, 2000), (34, 1), (35, 100), (27, 15), *settings)
    return world


def bring_up(world, pattern=15):
    for counter in range(1, 5):
        world.beat(counter, pattern)
    for counter in range(5, 25):
        world.run(90)
        world.beat(counter, pattern)
    assert world.relays == pattern, world.relays


def check_it_boots_safe_and_needs_two_heartbeats():
    world = World()
    world.run(40_000, 10)
    assert world.relays == 0 and world.words(4, 0, 1) == [SAFE]
    world.beat(7, 15)
    world.run(500)
    assert world.words(4, 0, 1) == [SAFE]
    world.beat(8, 15)
    assert world.words(4, 0, 2) == [ALLOWED, 1]


def check_closings_are_staggered_and_openings_are_not():
    world = quick((35, 500))
    world.run(1000)
    for counter in range(1, 30):
        world.beat(counter, 15)
        world.run(90)
    seen = world.history
    assert [pattern for _, pattern in seen] == [1, 3, 7, 15]
    assert all([seen[n + 1][0] - seen[n][0] >= 500 for n in range(3)])
    world.beat(100, 0)
    assert world.relays == 0, "all open within the 10 ms that the request took"
    for counter in range(101, 109):
        world.beat(counter, 15)
    assert world.relays == 0, "none closes before it has been open for a second"


def check_silence_opens_within_the_timeout_that_is_set():
    # As delivered (10 s), and at both ends of what it takes.
    for timeout_ms in (2000, 10_000, 60_000):
        world = quick((23, timeout_ms))
        assert world.words(4, 63, 1) == [timeout_ms]
        bring_up(world)
        world.beat(90, 15)
        world.run(timeout_ms - 100, 10)
        passed = 10 + timeout_ms - 100
        assert world.relays == 15
        while world.relays:
            world.step()
            passed += 1
            assert passed < timeout_ms + 100
        assert timeout_ms <= passed <= timeout_ms + 12, passed
    delivered = World()
    assert delivered.words(4, 63, 1) == [10_000]
    assert delivered.write(11, 0x4445, 0x5054) == 0
    assert delivered.write(23, 1999) == 3 and delivered.write(23, 60_001) == 3


def check_silence_opens_across_the_wrap_of_the_ticks():
    for start in (0, WRAP - 5_000, WRAP - 4_600, WRAP // 2 - 4_500):  # across both edges of the ticks
        world = quick(ms=start)
        bring_up(world)
        world.beat(90, 15)
        passed = 10
        while world.relays:
            world.step()
            passed += 1
            assert passed < 2100
        assert 2000 <= passed <= 2012, passed
        assert world.words(4, 34, 1) == [1] and world.words(4, 0, 2) == [SAFE, 2]


def check_a_stop_latches_over_a_power_cut():
    world = quick()
    bring_up(world)
    world.closed = 0  # the loop opens
    world.run(40)
    assert world.relays == 0 and world.words(4, 0, 2) == [TRIPPED, 3]
    world.closed = 2
    for counter in range(50, 60):
        world.beat(counter, 15)
    assert world.relays == 0
    again = World(flash=world.flash)
    for counter in range(1, 10):
        again.beat(counter, 15)
    assert again.words(4, 0, 1) == [TRIPPED]
    assert again.write(10, 2) == 2, "not over the bus without the key"
    again.closed = 2 | 8  # the reset button
    again.run(40)
    assert again.words(4, 0, 2) == [SAFE, 4]
    again.closed = 2
    again.run(40)
    third = World(flash=again.flash)
    assert third.words(4, 0, 1) == [SAFE] and third.words(4, 23, 1) == [3]


def check_the_button_resets_nothing_while_the_stop_is_pressed():
    world = quick()
    for closed in (0, 8, 0, 8):
        world.closed = closed
        world.run(50)
        assert world.words(4, 0, 1) == [TRIPPED]


def check_the_operator_limits_without_the_gateway():
    world = quick((25, 0b0101))
    bring_up(world)
    world.closed = 2 | 1
    world.run(31)
    assert world.relays == 0b0101 and world.words(4, 0, 2) == [LIMITED, 5]
    world.closed = 2
    world.run(31)
    assert world.words(4, 0, 2) == [ALLOWED, 6]


def check_settings_need_the_key_and_hold_from_the_commit():
    world = World()
    assert world.write(23, 5000) == 2 and world.write(10, 3) == 2
    assert world.write(11, 1, 2) == 3 and world.words(4, 37, 1) == [1]
    assert world.write(11, 0x4445, 0x5054) == 6, "not at once after a wrong one"
    world.run(10_000)
    assert world.write(11, 0x4445, 0x5054) == 0
    assert world.write(23, 1999) == 3 and world.write(23, 5000) == 0
    assert world.board.failsafe.timeout_ms == 10_000
    assert world.write(24, 3) == 0 and world.write(10, 3) == 3, (
        "SAFE may not give more than the operator leaves"
    )
    assert world.write(24, 0) == 0
    assert world.write(32, 0) == 0 and world.write(10, 3) == 3, "a stop must be normally closed"
    assert world.write(32, 2) == 0 and world.write(42, 0x1234, 0x5678) == 0
    assert world.write(10, 3) == 0 and world.board.failsafe.timeout_ms == 5000
    assert world.words(4, 14, 1) == [1] and world.words(4, 5, 1) == [0]
    assert world.write(23, 6000) == 2, "the commit has closed them"
    again = World(flash=world.flash)
    assert again.board.failsafe.timeout_ms == 5000 and again.words(3, 42, 2) == [0, 0]
    assert again.write(11, 0x4445, 0x5054) == 3 and again.line.how == (19200, 0, 1)


def check_a_lost_configuration_leaves_every_relay_open():
    flash = Flash()
    flash.files = {"config.a": b"what", "config.b": b"ever"}
    world = World(flash=flash)
    for counter in range(1, 60):
        world.beat(counter, 15)
        world.run(1000, 10)
    assert world.relays == 0 and world.words(4, 5, 1)[0] & 1 << 8


class PowerCut(Exception):
    pass


class Failing(Flash):
    # A flash whose next write, once it is to fail, stops after so many eighths; the rest is erased.
    eighths = None

    def write(self, name, data):
        if self.eighths is not None:
            left = len(data) * self.eighths // 8
            self.eighths = None
            Flash.write(self, name, data[:left] + b"\xff" * (len(data) - left))
            raise PowerCut
        Flash.write(self, name, data)


def until_the_power_goes(world, act):
    try:
        act(world)
    except PowerCut:
        return
    raise AssertionError("nothing was written")


def check_power_cut_at_every_write_of_the_whole_board():
    # A commit writes the settings, a trip and its reset the latch: whichever is cut short, the board starts
    # with its relays open and settings old or new; a trip that was in the flash is still there.
    def commits(world):
        world.configure((23, 7000))

    def trips(world):
        world.closed = 0
        world.run(40)

    def resets(world):
        world.closed = 2 | 8
        world.run(40)

    def starts(world):
        World(flash=world.flash)

    for act in (commits, trips, resets, starts):
        for eighths in range(8):
            world = quick(flash=Failing())
            bring_up(world)
            if act is resets:
                trips(world)
            world.flash.eighths = eighths
            until_the_power_goes(world, act)
            if act is trips:
                assert sum([world.machine.PINS[6 + n] for n in range(4)]) == 0, "open before it is written"
            again = World(flash=world.flash)
            again.closed = world.closed if act is trips else 2
            again.run(40)
            assert again.relays == 0 and not again.words(4, 5, 1)[0] & 1 << 8
            assert again.words(4, 63, 1)[0] in ((2000, 7000) if act is commits else (2000,))
            state = again.words(4, 0, 1)[0]
            assert state == (TRIPPED if act in (trips, resets) else SAFE), (act, eighths, state)
            for counter in range(1, 8):
                again.beat(counter, 15)
            assert again.words(4, 0, 1)[0] == (TRIPPED if act in (trips, resets) else ALLOWED)


def check_a_welded_relay_is_found():
    world = quick()
    bring_up(world)
    world.follow = False
    world.machine.PINS[11] = 0  # relay 2 says closed, whatever it is told
    for counter in range(50, 55):
        world.beat(counter, 13)
        world.run(90)
    assert world.words(4, 5, 1)[0] & 0xFF == 0b0010


def self_test(world, counter=1000):
    # Run one with heartbeats going on; return (result, failed).
    assert world.write(10, 1) == 0
    opened = 0
    while world.words(4, 48, 1) == [1]:
        world.beat(counter, 15)
        world.run(50)
        opened |= 15 & ~world.relays
        counter += 1
        assert counter < 2000
    assert opened == 15, "each relay has been opened"
    return world.words(4, 48, 2)


def check_the_self_test_tries_relays_and_inputs():
    world = quick((37, 1))
    bring_up(world)
    assert self_test(world) == [2, 0]
    assert world.words(4, 0, 1) == [ALLOWED], "cutting the inputs' supply is not a stop"
    assert world.write(10, 1) == 6, "contactors wear: once an hour"
    broken = quick((37, 1))
    bring_up(broken)
    step = broken.step

    def stuck(ms=1):
        step(ms)
        broken.machine.PINS[12] = 0  # relay 3 is welded
        broken.machine.PINS[14] = 0  # input 1 shows closed without a supply

    follow = broken.firmware.pins.inputs
    broken.firmware.pins.inputs = lambda: follow() | 1
    broken.follow = False
    contacts = broken.firmware.pins.feedback
    broken.firmware.pins.feedback = lambda: broken.relays | 4
    assert self_test(broken) == [3, 1 << 2 | 1 << 8]
    assert broken.words(4, 5, 1)[0] & 1 << 9
    broken.firmware.pins.inputs, broken.firmware.pins.feedback = follow, contacts


def check_the_self_test_comes_by_itself():
    world = quick((36, 1))
    for _ in range(3700):
        world.step(1000)
    assert world.words(4, 52, 2) == [1, 0]


def check_the_temperature_and_its_loss():
    world = World()
    world.run(10_000, 10)
    assert world.words(4, 7, 1) == [225]
    world.machine.I2C_DEVICES[0x48] = {0: b"\xf6\x00"}
    world.run(10_000, 10)
    assert world.words(4, 7, 1) == [0x10000 - 100]
    world.machine.I2C_DEVICES.clear()
    world.run(10_000, 10)
    assert world.words(4, 5, 1)[0] & 1 << 10


def check_a_restart_on_command_comes_after_the_answer():
    world = World()
    gone = []
    world.machine.on_reset = gone.append
    assert world.write(11, 0x4445, 0x5054) == 0
    assert world.write(10, 5) == 0 and gone, "answered, then restarted"


class Served:
    # A board with heartbeats each second that are made without taking memory, so that what the firmware takes
    # is seen alone.  It measures a current, answers, and drives every relay.
    def __init__(self):
        self.world = quick((39, 1000))
        bring_up(self.world)
        self.world.remembers = False
        for _ in range(2):  # this flash is memory: both copies are there from the start
            self.world.board.save_life()
        self._frame = bytearray(b"\xc8\x10\x00\x00\x00\x02\x04\x00\x00\x00\x0f\x00\x00")
        self._ask = bytearray(b"\xc8\x04\x00\x00\x00\x14\x00\x00")
        _seal(self._ask)

    def beat(self):
        frame = self._frame
        frame[8] = (frame[8] + 1) & 0xFF
        _seal(frame)
        self.world.line.put(frame)

    def seconds(self, count):
        # Let seconds pass, with a heartbeat in each and a reading in every tenth.  Loops that have something
        # to do come each 10 ms here; where there is nothing, time strides.
        for second in range(count):
            self.beat()
            self.world.run(20, 10)
            if second % 10 == 0:
                self.world.line.put(self._ask)
                self.world.run(20, 10)
                assert self.world.line.sent_count == 45, "the reading was answered"
            self.world.step(980)
        assert self.world.relays == 15 and self.world.board.failsafe.silences == 0

    def loops(self, count):
        # Run this many loops of 1 ms, with a heartbeat in every 500th.
        for number in range(count):
            if number % 500 == 0:
                self.beat()
            self.world.step()
        assert self.world.relays == 15


def _seal(frame):
    end = len(frame) - 2
    crc = crc16(frame, 0, end, 0xFFFF)
    frame[end] = crc & 0xFF
    frame[end + 1] = crc >> 8


def allocated():
    # MicroPython alone: bytes that 20 000 loops with traffic take from the heap; must be 0.
    board = Served()
    board.loops(2000)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    board.loops(20_000)
    after = gc.mem_alloc()
    gc.enable()
    return after - before
