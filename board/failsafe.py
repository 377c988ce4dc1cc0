# Decide what the outputs may do.  No pins, no clock and no link in here: main.py brings those.
# Runs unchanged under MicroPython and under CPython.
#
# Rule 1: every transition is in TRANSITIONS; what is not there keeps the state.
# Rule 2: only ALLOWED and LIMITED obey the gateway, and only HEARTBEAT leads to ALLOWED.
# Rule 3: within one step the events come in the order of their weight, a stop last: it wins.

SAFE = 0  # at power-up, and whenever the gateway is silent
ALLOWED = 1  # the gateway is there, and says what may charge
LIMITED = 2  # so too, but the grid operator's relay leaves less of it
TRIPPED = 3  # the emergency stop was pressed; stays until a person resets it

START = 0
HEARTBEAT = 1  # the gateway's counter has moved
SILENCE = 2  # it has not, for longer than the timeout
STOP = 3  # the emergency stop is pressed (comes in every step while it is)
RESET = 4  # a person resets the trip
LIMIT = 5  # the operator's relay is active (comes in every step while it is)
RELEASE = 6  # it is not (comes in every step while it is not)
CHANGE = 7  # another configuration is in force
EVENTS = 8

TRANSITIONS = {
    (SAFE, HEARTBEAT): ALLOWED,
    (SAFE, STOP): TRIPPED,
    (ALLOWED, SILENCE): SAFE,
    (ALLOWED, LIMIT): LIMITED,
    (ALLOWED, STOP): TRIPPED,
    (ALLOWED, CHANGE): SAFE,
    (LIMITED, SILENCE): SAFE,
    (LIMITED, RELEASE): ALLOWED,
    (LIMITED, STOP): TRIPPED,
    (LIMITED, CHANGE): SAFE,
    (TRIPPED, RESET): SAFE,
}

# The same as bytes, so that a look-up makes no tuple (the loop allocates nothing).
_NEXT = bytes([TRANSITIONS.get((state, event), state) for state in range(4) for event in range(EVENTS)])

LONG_MS = 0x1FFFFFFF  # where every count of milliseconds stops: 6 days, and no tick can wrap
NO_COUNTER = -1


class Failsafe:
    # timeout_ms: how long a heartbeat lasts.  safe, limited: patterns, safe within limited.
    def __init__(self, timeout_ms: int, safe: int, limited: int, tripped: bool) -> None:
        self.state = TRIPPED if tripped else SAFE
        self.why = START
        self.timeout_ms = timeout_ms
        self.safe = safe
        self.limited = limited
        self.asked = 0  # the pattern that the gateway asks for; forgotten with its silence
        self.age_ms = LONG_MS  # since the last heartbeat that counted
        self.alive = False  # whether that is within the timeout
        self.silences = 0
        self.stale = 0  # heartbeats whose counter had not moved
        self.trips = 0
        self._counter = NO_COUNTER
        self._heard_ms = 0  # since the counter was last given, while it is not yet a heartbeat
        self._beat = False

    def heartbeat(self, counter: int) -> None:
        # Take the gateway's counter.  The first one after a start or a silence says only where it stands.
        if self._counter == NO_COUNTER:
            self._counter = counter
            self._heard_ms = 0
        elif counter == self._counter:
            self.stale = up(self.stale)
        else:
            self._counter = counter
            self._beat = True

    def counter(self) -> int:
        # Return the last heartbeat's counter, 0 where there was none.
        return 0 if self._counter == NO_COUNTER else self._counter

    def step(self, dt_ms: int, stop: bool, limit: bool, reset: bool) -> None:
        # Let dt_ms pass and take what the inputs say now.  reset: the button went down in this step.
        self.age_ms = min(self.age_ms + dt_ms, LONG_MS)
        if self.alive and self.age_ms > self.timeout_ms:
            self.alive = False
            self.asked = 0
            self._counter = NO_COUNTER
            self._beat = False
            self.silences = up(self.silences)
            self.take(SILENCE)
        elif not self.alive and self._counter != NO_COUNTER:
            self._heard_ms += dt_ms
            if self._heard_ms > self.timeout_ms:
                self._counter = NO_COUNTER
                self._beat = False
        if self._beat:
            self._beat = False
            self.alive = True
            self.age_ms = 0
            self.take(HEARTBEAT)
        self.take(LIMIT if limit else RELEASE)
        if reset:
            self.take(RESET)
        if stop:
            self.take(STOP)

    def take(self, event: int) -> None:
        # Go where TRANSITIONS says.
        after = _NEXT[self.state * EVENTS + event]
        if after != self.state:
            self.state = after
            self.why = event
            if after == TRIPPED:
                self.trips = up(self.trips)

    def change(self, timeout_ms: int, safe: int, limited: int) -> None:
        # Put another configuration in force: SAFE, and heartbeats begin anew.
        self.timeout_ms = timeout_ms
        self.safe = safe
        self.limited = limited
        self.asked = 0
        self.alive = False
        self.age_ms = LONG_MS
        self._counter = NO_COUNTER
        self._beat = False
        self.take(CHANGE)

    def pattern(self) -> int:
        # Return the outputs that this state wants closed.
        if self.state == ALLOWED:
            return self.asked
        if self.state == LIMITED:
            return self.asked & self.limited
        if self.state == SAFE:
            return self.safe
        return 0


def up(counter: int) -> int:
    # Count one on, up to what a register holds.
    return counter + 1 if counter < 0xFFFF else counter
