# Make steady inputs of what the terminals show.  Pure; elapsed milliseconds come in.
#
# Rule 1: an input changes when it has been otherwise for debounce_ms, without a break.
# Rule 2: the first look counts at once: a stop that is pressed at power-up is pressed.
# Rule 3: active is what the role means: an emergency stop is active when its loop is open.

INPUTS = 4
NONE = 0  # only shown
LIMIT = 1  # the grid operator's relay or ripple receiver
STOP = 2  # emergency stop
DOOR = 3
RESET = 4  # the button that resets a trip


class Inputs:
    # roles: one for each input.  inverted: bits of those that are active when open.
    def __init__(self, roles: list[int], inverted: int, debounce_ms: int) -> None:
        self.active = 0
        self.frozen = False  # a self-test has cut the supply: what they show means nothing
        self._other_ms = [0] * INPUTS
        self.configure(roles, inverted, debounce_ms)

    def configure(self, roles: list[int], inverted: int, debounce_ms: int) -> None:
        # Give the inputs other meanings; the next look counts at once.
        self.inverted = inverted
        self.debounce_ms = debounce_ms
        self._stops = self._bits(roles, STOP)
        self._limits = self._bits(roles, LIMIT)
        self._doors = self._bits(roles, DOOR)
        self._resets = self._bits(roles, RESET)
        self._seen = False
        self.reset_pressed = False

    def _bits(self, roles: list[int], role: int) -> int:
        found = 0
        for index in range(INPUTS):
            if roles[index] == role:
                found |= 1 << index
        return found

    def step(self, dt_ms: int, closed: int) -> None:
        # Let dt_ms pass and look at the terminals: bits that are closed.
        self.reset_pressed = False
        if self.frozen:
            return
        now = closed ^ self.inverted
        if not self._seen:
            self._seen = True
            self.active = now
            return
        before = self.active
        for index in range(INPUTS):
            bit = 1 << index
            if (now ^ self.active) & bit:
                self._other_ms[index] += dt_ms
                if self._other_ms[index] >= self.debounce_ms:
                    self.active ^= bit
                    self._other_ms[index] = 0
            else:
                self._other_ms[index] = 0
        self.reset_pressed = self.active & ~before & self._resets != 0

    def stop(self) -> bool:
        return self.active & self._stops != 0

    def limit(self) -> bool:
        return self.active & self._limits != 0

    def door(self) -> bool:
        return self.active & self._doors != 0
