# Serve the board's registers (registers.md) to frame.py.  Pure.
#
# Rule 1: check() changes nothing; write() is called only when every check of its request has passed.
# Rule 2: what a request means as a whole (heartbeat, key, command) happens in done().

import binascii
import struct

import config
from failsafe import TRIPPED
from frame import Served, Server

from board import Board

BUSY = 6
COILS = 4
DISCRETE = 17
INPUT_WORDS = 136
HOLDING = 44

VENDOR = "depot-edge"
MODEL = "failsafe-io-4"
VERSION = "0.1.0"
MAP = 1

_HEARTBEAT = 0
_ASKED = 1
_COMMAND = 10
_IN_FORCE = 60  # input registers that show the settings that hold; the holding ones show the draft
_KEY = 11
_TEXTS = 100

SELF_TEST = 1
RESET_TRIP = 2
COMMIT = 3
DISCARD = 4
RESTART = 5
DELIVERED = 6


class Points(Served):
    # serial, firmware: 16 hexadecimal digits each; port: "pico".
    def __init__(self, board: Board, server: Server, serial: str, firmware: str, port: str) -> None:
        self.board = board
        self.server = server  # its counters are registers too
        self.longest_us = 0
        self.free_bytes = 0
        texts = _padded(VENDOR, 16) + _padded(MODEL, 16) + _padded(VERSION, 8) + _padded(serial, 16)
        self._texts = texts + _padded(firmware, 16)
        self.objects = (
            (0x00, VENDOR.encode()),
            (0x01, MODEL.encode()),
            (0x02, VERSION.encode()),
            (0x04, b"depot-edge fail-safe I/O board"),
            (0x05, port.encode()),
            (0x80, serial.encode()),
            (0x81, firmware.encode()),
        )
        self._command = 0
        self._key_high = 0
        self._key_low = 0
        self._crc = 0
        self._crc_of = -1

    def holds(self, function: int, first: int, count: int) -> bool:
        # Return whether these addresses are all there for a function.
        if function in (1, 5, 15):
            return first + count <= COILS
        if function == 2:
            return first + count <= DISCRETE
        return first + count <= (INPUT_WORDS if function == 4 else HOLDING)

    def read(self, function: int, address: int) -> int:
        # Return a bit, or a word (a negative one's low 16 bits are meant).
        if function == 1:
            return self.board.failsafe.asked >> address & 1
        if function == 2:
            return self._discrete(address)
        if function == 4:
            return self._input(address)
        return self._holding(address)

    def _discrete(self, address: int) -> int:
        board = self.board
        if address < 4:
            return board.inputs.active >> address & 1
        if address < 8:
            return board.outputs.driven >> (address - 4) & 1
        if address < 12:
            return (board.feedback & board.outputs.wired) >> (address - 8) & 1
        if address == 12:
            return 1 if board.failsafe.alive else 0
        if address == 13:
            return 1 if board.inputs.limit() else 0
        if address == 14:
            return 1 if board.failsafe.state == TRIPPED else 0
        if address == 15:
            return 1 if board.faults() else 0
        return 1 if board.inputs.door() else 0

    def _input(self, address: int) -> int:
        if address >= _TEXTS:
            at = 2 * (address - _TEXTS)
            return self._texts[at] << 8 | self._texts[at + 1]
        if address < 20:
            return self._state(address)
        if address < 40:
            return self._counter(address)
        return self._life(address)

    def _state(self, address: int) -> int:
        board = self.board
        if address == 0:
            return board.failsafe.state
        if address == 1:
            return board.failsafe.why
        if address == 2:
            return board.inputs.active
        if address == 3:
            return board.outputs.driven
        if address == 4:
            return board.feedback & board.outputs.wired
        if address == 5:
            return board.faults()
        if address == 6:
            return min(board.failsafe.age_ms, 0xFFFF)
        if address == 7:
            return board.temperature
        if address < 14:
            return _half(board.currents[(address - 8) >> 1].ma, address)
        if address == 14:
            return board.number()
        if address == 15:
            return self._config_crc()
        return MAP if address == 16 else 0

    def _counter(self, address: int) -> int:
        board = self.board
        server = self.server
        if address < 22:
            return _half(board.uptime_s, address)
        if address == 22:
            return board.cause
        if address == 23:
            return board.starts
        if address < 26:
            return _half(server.answered, address)
        if address < 28:
            return _half(server.bad_frames, address)
        if address < 30:
            return _half(server.others, address)
        if address < 32:
            return _half(server.exceptions, address)
        if address < 34:
            return _half(server.thrown_away, address)
        if address == 34:
            return board.failsafe.silences
        if address == 35:
            return board.failsafe.stale
        if address == 36:
            return board.failsafe.trips
        if address == 37:
            return board.wrong_keys
        return board.commits if address == 38 else server.broadcasts

    def _life(self, address: int) -> int:
        board = self.board
        test = board.selftest
        if address < 48:
            return _half(board.outputs.cycles[(address - 40) >> 1], address)
        if address == 48:
            return test.result
        if address == 49:
            return test.failed
        if address < 52:
            return _half(test.since_s, address)
        if address == 52:
            return test.passes
        if address == 53:
            return test.failures
        if address == 54:
            return min((self.longest_us + 99) // 100, 0xFFFF)
        if address in (55, 56):
            return _half(self.free_bytes, address + 1)
        if _IN_FORCE <= address < _IN_FORCE + config.KEY:
            return board.words[address - _IN_FORCE]
        return 0

    def _config_crc(self) -> int:
        # Return 16 bits of the configuration's CRC, made anew when its number has changed.
        if self._crc_of != self.board.number():
            words = self.board.words
            self._crc = binascii.crc32(struct.pack(">24H", *words)) & 0xFFFF
            self._crc_of = self.board.number()
        return self._crc

    def _holding(self, address: int) -> int:
        if address == _HEARTBEAT:
            return self.board.failsafe.counter()
        if address == _ASKED:
            return self.board.failsafe.asked
        if config.FIRST <= address < config.FIRST + config.KEY:
            return self.board.draft[address - config.FIRST]
        return 0

    def check(self, function: int, address: int, value: int, count: int) -> int:
        # Return the exception that writing this value would be, 0 for none.
        if function in (5, 15) or address == _HEARTBEAT:
            return 0
        if address == _ASKED:
            return 0 if value <= 15 else 3
        if address == _COMMAND:
            return self._check_command(value)
        if address in (_KEY, _KEY + 1):
            if count != 2:
                return 2
            return BUSY if self.board.key_wait_ms else 0
        if config.FIRST <= address < config.FIRST + config.WORDS:
            if not self.board.key_open_ms:
                return 2
            return 0 if config.in_range(address - config.FIRST, value) else 3
        return 2

    def _check_command(self, value: int) -> int:
        if not SELF_TEST <= value <= DELIVERED:
            return 3
        if value not in (SELF_TEST, DISCARD) and not self.board.key_open_ms:
            return 2
        return BUSY if value == SELF_TEST and not self.board.may_test() else 0

    def write(self, function: int, address: int, value: int) -> None:
        board = self.board
        if function in (5, 15):
            bit = 1 << address
            board.failsafe.asked = board.failsafe.asked | bit if value else board.failsafe.asked & ~bit
        elif address == _ASKED:
            board.failsafe.asked = value
        elif address == _HEARTBEAT:
            board.failsafe.heartbeat(value)
        elif address == _COMMAND:
            self._command = value
        elif address == _KEY:
            self._key_high = value
        elif address == _KEY + 1:
            self._key_low = value
        else:
            board.draft[address - config.FIRST] = value

    def done(self, function: int, address: int, count: int) -> int:
        # Do what a request means as a whole; return an exception or 0.
        if function not in (6, 16):
            return 0
        if address <= _KEY < address + count:
            high = self._key_high
            low = self._key_low
            self._key_high = self._key_low = 0
            return 0 if self.board.try_key(high, low) else 3
        if address <= _COMMAND < address + count:
            command = self._command
            self._command = 0
            return self._do(command)
        return 0

    def _do(self, command: int) -> int:
        board = self.board
        if command == SELF_TEST:
            board.selftest.start()
        elif command == RESET_TRIP:
            return 0 if board.reset_trip() else 3
        elif command == COMMIT:
            return 0 if board.commit() else 3
        elif command == DISCARD:
            board.draft[:] = board.words
        elif command == RESTART:
            board.restart = True
        else:
            board.draft[:] = config.defaults()
        return 0


def _half(value: int, address: int) -> int:
    # Return the high word of a 32-bit value at an even address, the low one at an odd; −1 is all ones.
    return value & 0xFFFF if address & 1 else value >> 16 & 0xFFFF


def _padded(text: str, size: int) -> bytes:
    return (text.encode() + bytes(size))[:size]
