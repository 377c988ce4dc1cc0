# Decide when the relays follow the pattern that is wanted.  Pure; elapsed milliseconds come in.
#
# Rule 1: an opening never waits.
# Rule 2: a closing waits until its relay has been open for reclose_ms and the last closing of any
#         relay is stagger_ms ago: contactors wear, and chargers coming back together are an inrush.
# Rule 3: with feedback wired, a relay that does not follow within SETTLE_MS is wrong, and said so.

from failsafe import LONG_MS

RELAYS = 4
SETTLE_MS = 200


class Outputs:
    # fitted, wired: bits of the relays that there are, and of those with a feedback contact.
    def __init__(self, fitted: int, wired: int, reclose_ms: int, stagger_ms: int) -> None:
        self.fitted = fitted
        self.wired = wired
        self.reclose_ms = reclose_ms
        self.stagger_ms = stagger_ms
        self.driven = 0
        self.cycles = [0] * RELAYS  # closings, over the relay's life
        self.stuck_closed = 0
        self.stuck_open = 0
        self._still_ms = [0] * RELAYS  # since each relay last moved, or the start
        self._closing_ms = LONG_MS  # since any relay last closed

    def step(self, dt_ms: int, wanted: int, feedback: int) -> None:
        # Let dt_ms pass, open what must be open, close at most one that may be.
        wanted &= self.fitted
        self._closing_ms = min(self._closing_ms + dt_ms, LONG_MS)
        may_close = self._closing_ms >= self.stagger_ms
        for relay in range(RELAYS):
            still = min(self._still_ms[relay] + dt_ms, LONG_MS)
            bit = 1 << relay
            if self.driven & bit and not wanted & bit:
                self.driven &= ~bit
                still = 0
            elif wanted & bit and not self.driven & bit and may_close and still >= self.reclose_ms:
                self.driven |= bit
                still = 0
                may_close = False
                self._closing_ms = 0
                self.cycles[relay] = (self.cycles[relay] + 1) & 0x3FFFFFFF
            self._still_ms[relay] = still
            if still >= SETTLE_MS:
                self._compare(bit, feedback)

    def _compare(self, bit: int, feedback: int) -> None:
        # Hold a relay at rest against its feedback contact.
        wrong = (self.driven ^ feedback) & self.wired & bit
        self.stuck_closed &= ~bit
        self.stuck_open &= ~bit
        if wrong & feedback:
            self.stuck_closed |= bit
        elif wrong:
            self.stuck_open |= bit
