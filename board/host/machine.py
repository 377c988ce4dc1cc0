"""Be `machine` for the firmware on a PC: pins as numbers, the UART a terminal, the watchdog an exit.

Everything is reached through this module's tables, so whoever runs the firmware (run.py, a test) turns
the inputs and sees the relays.  The UART's line is `open_line`, set before the firmware starts.
Runs under MicroPython too (tests/board), where the line is a pair of byte queues.
"""

PINS = {}  # number -> level
ADCS = {}  # number -> what read_u16 gives: a number, or a function without arguments
I2C_DEVICES = {}  # address -> {register: bytes}
open_line = None  # function(baud, parity, stop) -> object with any, readinto, write, txdone
on_reset = None  # function(why); must not return
RESET_CAUSE = 1
UNIQUE_ID = b"\xe6\x60\x58\x38\x83\x4a\x2b\x21"


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2

    def __init__(self, number, mode=-1, pull=-1, value=None):
        self.number = number
        if value is not None:
            PINS[number] = value
        elif number not in PINS:
            PINS[number] = 1 if pull == Pin.PULL_UP else 0

    def value(self, level=None):
        if level is None:
            return PINS[self.number]
        PINS[self.number] = level
        return None


class ADC:
    def __init__(self, number):
        self.number = number
        ADCS.setdefault(number, 32768)

    def read_u16(self):
        found = ADCS[self.number]
        return found() if callable(found) else found


class I2C:
    def __init__(self, number, sda=None, scl=None, freq=0, timeout=0):
        pass

    def readfrom_mem_into(self, address, register, buffer):
        if address not in I2C_DEVICES:
            raise OSError(5)
        buffer[:] = I2C_DEVICES[address][register]


class UART:
    def __init__(
        self, number, baudrate=9600, bits=8, parity=None, stop=1, tx=None, rx=None, txbuf=0, rxbuf=0
    ):
        self._line = open_line(baudrate, parity, stop)

    def any(self):
        return self._line.any()

    def readinto(self, buffer, count):
        return self._line.readinto(buffer, count)

    def write(self, data):
        return self._line.write(data)

    def txdone(self):
        return self._line.txdone()


class WDT:
    """Remember when it was fed; run.py looks (a test may)."""

    last = None

    def __init__(self, timeout=5000):
        WDT.last = self
        self.timeout = timeout
        self.fed = 0

    def feed(self):
        self.fed += 1


class Timer:
    def __init__(self, number, period=0, callback=None):
        pass


def reset():
    on_reset("asked")


def reset_cause():
    return RESET_CAUSE


def unique_id():
    return UNIQUE_ID
