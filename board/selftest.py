# Try relays and inputs that are wired for it, one after the other.  Pure; elapsed milliseconds come in.
#
# Rule 1: a relay is only ever opened, never closed, by a test; an open one must show open.
# Rule 2: the inputs' supply is cut for CUT_MS at most, and they are frozen for as long and SETTLE_MS more.
# Rule 3: nothing is tested while TRIPPED; the test waits.

NEVER = 0
RUNNING = 1
PASSED = 2
FAILED = 3

OPEN_MS = 300  # a contactor has opened and its feedback settled
CUT_MS = 60  # the optocouplers have let go
SETTLE_MS = 60
_INPUTS = 4  # the step after relays 0..3


class SelfTest:
    def __init__(self) -> None:
        self.result = NEVER
        self.failed = 0  # 0–3 relays, 8–11 inputs
        self.passes = 0
        self.failures = 0
        self.hold_open = 0  # bits of relays that must be open for the test
        self.cut = False  # the inputs' supply is to be cut
        self.freeze = False
        self.since_s = -1  # since the last test ended; -1 = none
        self._ms = 0
        self._part = 0
        self._step_ms = 0
        self._found = 0

    def start(self) -> None:
        self.result = RUNNING
        self._part = 0
        self._step_ms = 0
        self._found = 0

    def step(
        self, dt_ms: int, wired: int, driven: int, feedback: int, supply: bool, closed: int, pause_ms: int
    ) -> None:
        # Let dt_ms pass.  wired: relays with feedback; supply: the inputs' supply is switched;
        # closed: what the terminals show; pause_ms: how long a relay that was opened stays so.
        self._ms += dt_ms
        if self._ms >= 1000:
            self._ms -= 1000
            if 0 <= self.since_s < 0x3FFFFFFF:
                self.since_s += 1
        if self.result != RUNNING:
            return
        self._step_ms += dt_ms
        if self._part < _INPUTS:
            self._relay(wired, driven, feedback, pause_ms)
        elif supply:
            self._inputs(closed)
        else:
            self._end()

    def _relay(self, wired: int, driven: int, feedback: int, pause_ms: int) -> None:
        bit = 1 << self._part
        if not wired & bit:
            self._next()
        elif not self.hold_open & bit:
            if self._step_ms > OPEN_MS and not driven & bit:
                self._found |= feedback & bit  # open, and has been: it must show so
                self._next()
            elif driven & bit:
                self.hold_open = bit
                self._step_ms = 0
        elif self._step_ms >= OPEN_MS:
            if self._step_ms < OPEN_MS + pause_ms:
                self._found |= feedback & bit
            else:
                self._next()

    def _inputs(self, closed: int) -> None:
        if self._step_ms < CUT_MS:
            self.cut = True
            self.freeze = True
        elif self.cut:
            self._found |= (closed & 15) << 8  # one that shows closed without a supply is stuck
            self.cut = False
        elif self._step_ms >= CUT_MS + SETTLE_MS:
            self._end()

    def _next(self) -> None:
        self.hold_open = 0
        self._part += 1
        self._step_ms = 0

    def _end(self) -> None:
        self.freeze = False
        self.failed = self._found
        self.since_s = 0
        if self._found:
            self.result = FAILED
            self.failures = min(self.failures + 1, 0xFFFF)
        else:
            self.result = PASSED
            self.passes = min(self.passes + 1, 0xFFFF)

    def abandon(self) -> None:
        # A trip came between: forget this test; the next loop that may begins again.
        self.hold_open = 0
        self.cut = False
        self.freeze = False
        self._part = 0
        self._step_ms = 0
        self._found = 0
