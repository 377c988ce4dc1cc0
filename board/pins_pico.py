# The terminals of a Raspberry Pi Pico (README.md, wiring).  Another board is another file like this.
#
# Rule 1: a relay's pin is low, and its pull-down holds it low, until drive() says otherwise.
# Rule 2: an input's optocoupler pulls its pin low while the loop is closed.
# Rule 3: nothing here waits; nothing here allocates but at the start, and the thermometer when it fails.

from machine import ADC, I2C, UART, Pin

PORT = "pico"
NO_SENSOR = -32768

_RELAYS = (
    Pin(6, Pin.OUT, value=0),
    Pin(7, Pin.OUT, value=0),
    Pin(8, Pin.OUT, value=0),
    Pin(9, Pin.OUT, value=0),
)
_FEEDBACK = (
    Pin(10, Pin.IN, Pin.PULL_UP),
    Pin(11, Pin.IN, Pin.PULL_UP),
    Pin(12, Pin.IN, Pin.PULL_UP),
    Pin(13, Pin.IN, Pin.PULL_UP),
)
_INPUTS = (
    Pin(14, Pin.IN, Pin.PULL_UP),
    Pin(15, Pin.IN, Pin.PULL_UP),
    Pin(16, Pin.IN, Pin.PULL_UP),
    Pin(17, Pin.IN, Pin.PULL_UP),
)
_CUT = Pin(18, Pin.OUT, value=0)  # high: the inputs have no supply (self-test)
_LIGHTS = (Pin(25, Pin.OUT, value=0), Pin(22, Pin.OUT, value=0))  # on the Pico, and in the door
_SEND = Pin(2, Pin.OUT, value=0)  # driver enable of the RS-485 transceiver
_CTS = (ADC(26), ADC(27), ADC(28))
_I2C = I2C(0, sda=Pin(4), scl=Pin(5), freq=100_000, timeout=2000)
_LM75 = 0x48
_two = bytearray(2)


def inputs() -> int:
    # Return the inputs whose loop is closed, as bits.
    return _low(_INPUTS)


def feedback() -> int:
    # Return the relays whose feedback contact is closed, as bits.
    return _low(_FEEDBACK)


def _low(pins: "tuple[Pin, ...]") -> int:
    found = 0
    for index in range(4):
        if not pins[index].value():
            found |= 1 << index
    return found


def drive(pattern: int) -> None:
    # Write the relays.  Called from one place in main.py.
    for index in range(4):
        _RELAYS[index].value(pattern >> index & 1)


def cut(on: bool) -> None:
    # Take the inputs' supply away, or give it back.
    _CUT.value(1 if on else 0)


def light(on: bool) -> None:
    _LIGHTS[0].value(1 if on else 0)
    _LIGHTS[1].value(1 if on else 0)


def current(index: int) -> int:
    # Return one sample of a current transformer, 0..65535.
    return _CTS[index].read_u16()


def temperature() -> int:
    # Return tenths of a degree from an LM75 or TMP75, NO_SENSOR where none answers.
    try:
        _I2C.readfrom_mem_into(_LM75, 0, _two)
    except OSError:
        return NO_SENSOR
    raw = _two[0] << 8 | _two[1]
    if raw & 0x8000:
        raw -= 0x10000
    return (raw >> 5) * 10 // 8


def line(baud: int, parity: int) -> UART:
    # Open RS-485.  parity: 0 none and two stop bits, 1 even, 2 odd.
    return UART(
        0,
        baudrate=baud,
        bits=8,
        parity=None if parity == 0 else 0 if parity == 1 else 1,
        stop=2 if parity == 0 else 1,
        tx=Pin(0),
        rx=Pin(1),
        txbuf=512,
        rxbuf=512,
    )


def sending(on: bool) -> None:
    # Turn the transceiver round.
    _SEND.value(1 if on else 0)
