# Make an RMS current of samples of a current transformer.  Pure; integers of 30 bits only.
#
# A window is WINDOW_MS long (ten periods of 50 Hz, twelve of 60 Hz) or MOST samples, whichever is
# first; the bias of the ADC is taken out with the mean of the window.
# Accuracy of window and arithmetic: 1 % of the reading + 0.1 % of 1 V, 49.5 to 60.5 Hz, sine or with
# harmonics, samples about a millisecond apart (tests/board/checks_rms.py); the transformer, its burden
# and the RP2040's ADC come on top (README.md).

WINDOW_MS = 200
MOST = 250  # 250 · 2048² stays below 2³⁰
NOT_FITTED = -1

# 12 bits over 3.3 V: 1 V RMS is 1241.2 counts, and 9930 of the eighths that _root gives.
_EIGHTHS_PER_VOLT = 9930


class Rms:
    # tenths: tenths of an ampere that make 1 V RMS; 0 = not fitted.
    def __init__(self, tenths: int) -> None:
        self.tenths = tenths
        self.ma = NOT_FITTED
        self._sum = 0
        self._squares = 0
        self._samples = 0
        self._ms = 0

    def sample(self, dt_ms: int, raw: int) -> None:
        # Take one sample, 0..65535 as ADC.read_u16 gives it, dt_ms after the one before.
        if not self.tenths:
            return
        value = (raw >> 4) - 2048
        self._sum += value
        self._squares += value * value
        self._samples += 1
        self._ms += dt_ms
        if self._ms >= WINDOW_MS or self._samples >= MOST:
            self._finish()

    def _finish(self) -> None:
        count = self._samples
        # The variance in 64ths of a count squared, without leaving 30 bits.
        mean = self._sum // count
        rest = self._sum % count
        square = self._squares // count
        fine = square * 64 + self._squares % count * 64 // count
        fine -= mean * mean * 64 + 128 * mean * rest // count + (8 * rest // count) * (8 * rest // count)
        eighths = root(max(fine, 0))
        product = eighths * self.tenths
        # tenths of an ampere → mA is · 100; divided in two steps for the same reason.
        whole = product // (_EIGHTHS_PER_VOLT // 10)
        left = product % (_EIGHTHS_PER_VOLT // 10)
        self.ma = whole * 10 + left * 10 // (_EIGHTHS_PER_VOLT // 10)
        self._sum = 0
        self._squares = 0
        self._samples = 0
        self._ms = 0


def root(number: int) -> int:
    # Return the integer square root of a number below 2³⁰, bit by bit.
    bit = 1 << 28
    result = 0
    while bit > number:
        bit >>= 2
    while bit:
        if number >= result + bit:
            number -= result + bit
            result = (result >> 1) + bit
        else:
            result >>= 1
        bit >>= 2
    return result
