# Hold the integer RMS against the mathematics.

import math

from rms import NOT_FITTED, Rms, root

STATED_OF_READING = 0.01
STATED_OF_SCALE = 0.001
VOLTS_FULL_SCALE = 1.0


def reading(volts, hertz, harmonics, jitter_us, bias=0):
    # Return (what Rms says, what it should) in volts for a wave sampled about each millisecond.
    meter = Rms(1000)  # 100 A at 1 V
    seconds = 0.0
    square = volts * volts
    for _, part in harmonics:
        square += (volts * part) ** 2
    for number in range(1000):
        wobble = (number * 7919 % 1000) / 1000 - 0.5
        at = seconds + wobble * jitter_us / 1e6
        wave = math.sin(2 * math.pi * hertz * at)
        for order, part in harmonics:
            wave += part * math.sin(2 * math.pi * hertz * order * at + order)
        counts = 2048 + bias + volts * math.sqrt(2) * wave * 4096 / 3.3
        meter.sample(1, int(min(max(counts, 0), 4095)) << 4)
        seconds += 0.001
    return meter.ma / 100_000, math.sqrt(square)


def check_sines_and_harmonics_are_within_the_stated_accuracy():
    worst = 0.0
    for hertz in (50, 60, 49.5, 60.5):
        for harmonics in ((), ((3, 0.3), (5, 0.2), (7, 0.1))):
            for volts in (0.01, 0.05, 0.2, 0.5, 0.75):
                for bias in (0, 37, -50):
                    said, true = reading(volts, hertz, harmonics, 200, bias)
                    worst = max(worst, (abs(said - true) - STATED_OF_SCALE * VOLTS_FULL_SCALE) / true)
    assert worst <= STATED_OF_READING, worst


def check_no_current_and_no_transformer():
    meter = Rms(1000)
    for _ in range(250):
        meter.sample(1, 32768)
    assert meter.ma == 0
    absent = Rms(0)
    absent.sample(1, 0)
    assert absent.ma == NOT_FITTED


def check_the_largest_samples_stay_within_thirty_bits():
    meter = Rms(60000)
    for number in range(250):
        meter.sample(0, 65535 if number & 1 else 0)
        assert abs(meter._squares) < 1 << 30
    assert 8 * 2048 * 60000 < 1 << 30 and meter.ma > 9_000_000


def check_roots():
    for number in list(range(2000)) + [(1 << 30) - 1, 1 << 28, 10**9]:
        assert root(number) ** 2 <= number < (root(number) + 1) ** 2
