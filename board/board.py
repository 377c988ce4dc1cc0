# The board without its pins: configuration, state, outputs, measurements; one step is one loop.
# Pure but for `files` (store.py).  main.py brings time, terminals and the line; points.py the registers.
#
# Rule 1: the flash is written only when outputs are open or at rest: at a start, a commit, a trip, a
#         reset, and once a day after the self-test.  Each stops the loop for as long as an erase takes.
# Rule 2: a lost configuration leaves the defaults in force and every relay open.

import config
from failsafe import LIMITED, SAFE, TRIPPED, Failsafe, up
from inputs import Inputs
from outputs import RELAYS, Outputs
from rms import Rms
from selftest import FAILED, RUNNING, SelfTest
from store import Files, Store

KEY_OPEN_MS = 60_000
KEY_WAIT_MS = 10_000
TEST_WAIT_S = 3600
NO_SENSOR = -32768

_CONFIG_MAGIC = 0xDE01
_LIFE_MAGIC = 0xDE02
_LIFE_WORDS = 2 + 2 * RELAYS  # tripped, starts, cycles


class Board:
    def __init__(self, files: Files, cause: int) -> None:
        # cause: machine.reset_cause().
        self.cause = cause
        self._config_store = Store(files, "config", _CONFIG_MAGIC, config.WORDS)
        self._life_store = Store(files, "life", _LIFE_MAGIC, _LIFE_WORDS)
        words = self._config_store.load()
        fresh = words is None and files.read("config.a") == b"" and files.read("config.b") == b""
        self.config_lost = not fresh and (words is None or not config.lawful(words))
        self.words = config.defaults() if words is None or self.config_lost else words
        self.draft = list(self.words)
        life = self._life_store.load() or [0] * _LIFE_WORDS
        self.starts = up(life[1])
        tripped = life[0] != 0
        words = self.words
        self.failsafe = Failsafe(
            words[config.TIMEOUT], words[config.SAFE_PATTERN], words[config.LIMITED_PATTERN], tripped
        )
        self.inputs = Inputs(
            words[config.ROLES : config.ROLES + 4], words[config.INVERTED], words[config.DEBOUNCE]
        )
        self.outputs = Outputs(
            words[config.FITTED], words[config.FEEDBACK], words[config.RECLOSE] * 1000, words[config.STAGGER]
        )
        for relay in range(RELAYS):
            self.outputs.cycles[relay] = (life[2 + 2 * relay] << 16 | life[3 + 2 * relay]) & 0x3FFFFFFF
        self.selftest = SelfTest()
        self.currents = [Rms(words[config.CT + index]) for index in range(3)]
        self.temperature = NO_SENSOR
        self.sensor_silent = False
        self.feedback = 0
        self.uptime_s = 0
        self.key_open_ms = 0  # for how long the settings are still open
        self.key_wait_ms = 0  # until another key may be tried
        self.wrong_keys = 0
        self.commits = 0
        self.restart = False  # asked for: main.py does it once the answer is out
        self._ms = 0
        self._was = self.failsafe.state
        self._test_was = self.selftest.result
        self._remote_reset = False
        self.save_life()

    def step(self, dt_ms: int, closed: int, feedback: int) -> int:
        # Let dt_ms pass with these terminals; return the pattern to drive.
        # closed: inputs whose loop is closed; feedback: contacts that say closed.
        self.feedback = feedback
        self._count(dt_ms)
        self.inputs.frozen = self.selftest.freeze
        self.inputs.step(dt_ms, closed)
        reset = self.inputs.reset_pressed or self._remote_reset
        self._remote_reset = False
        self.failsafe.step(dt_ms, self.inputs.stop(), self.inputs.limit(), reset)
        self._test(dt_ms, closed, feedback)
        wanted = 0 if self.config_lost else self.failsafe.pattern() & ~self.selftest.hold_open
        self.outputs.step(dt_ms, wanted, feedback)
        return self.outputs.driven

    def settle(self) -> None:
        # Write to the flash what a power cut must not lose; called after the outputs have been driven.
        state = self.failsafe.state
        if (state == TRIPPED) != (self._was == TRIPPED):
            self.save_life()
        self._was = state
        result = self.selftest.result
        if self._test_was == RUNNING and result != RUNNING:
            self.save_life()
        self._test_was = result

    def save_life(self) -> None:
        life = [1 if self.failsafe.state == TRIPPED else 0, self.starts]
        for cycles in self.outputs.cycles:
            life.append(cycles >> 16)
            life.append(cycles & 0xFFFF)
        self._life_store.save(life)

    def faults(self) -> int:
        # Return what is wrong, as input register 5 has it.
        found = self.outputs.stuck_closed | self.outputs.stuck_open << 4
        if self.config_lost:
            found |= 1 << 8
        if self.selftest.result == FAILED:
            found |= 1 << 9
        if self.sensor_silent:
            found |= 1 << 10
        words = self.words
        if words[config.KEY] == config.FACTORY_KEY_HIGH and words[config.KEY + 1] == config.FACTORY_KEY_LOW:
            found |= 1 << 11
        return found

    def number(self) -> int:
        # Return the number of the configuration, 0 as delivered.
        return self._config_store.number & 0xFFFF

    def try_key(self, high: int, low: int) -> bool:
        # Open the settings with the right key; a wrong one costs KEY_WAIT_MS.
        if high == self.words[config.KEY] and low == self.words[config.KEY + 1]:
            self.key_open_ms = KEY_OPEN_MS
            return True
        self.wrong_keys = up(self.wrong_keys)
        self.key_wait_ms = KEY_WAIT_MS
        self.key_open_ms = 0
        return False

    def may_test(self) -> bool:
        # Return whether a self-test may begin now: contactors wear.
        if self.selftest.result == RUNNING:
            return False
        return not 0 <= self.selftest.since_s < TEST_WAIT_S

    def reset_trip(self) -> bool:
        # Let the next step reset a trip for the bus; return whether the settings allow that.
        if not self.words[config.REMOTE_RESET] or self.inputs.stop():
            return False
        self._remote_reset = True
        return True

    def commit(self) -> bool:
        # Put the draft in force, having stored it; return whether it is lawful and stored.
        if not config.lawful(self.draft):
            return False
        for index in range(config.WORDS):
            self.words[index] = self.draft[index]
        words = self.words
        self.failsafe.change(words[config.TIMEOUT], words[config.SAFE_PATTERN], words[config.LIMITED_PATTERN])
        self.inputs.configure(
            words[config.ROLES : config.ROLES + 4], words[config.INVERTED], words[config.DEBOUNCE]
        )
        self.outputs.fitted = words[config.FITTED]
        self.outputs.wired = words[config.FEEDBACK]
        self.outputs.reclose_ms = words[config.RECLOSE] * 1000
        self.outputs.stagger_ms = words[config.STAGGER]
        for index in range(3):
            self.currents[index].tenths = words[config.CT + index]
            self.currents[index].ma = -1
        self.config_lost = not self._config_store.save(words)
        self.commits = up(self.commits)
        self.key_open_ms = 0
        return not self.config_lost

    def _count(self, dt_ms: int) -> None:
        self._ms += dt_ms
        while self._ms >= 1000:
            self._ms -= 1000
            self.uptime_s = (self.uptime_s + 1) & 0x3FFFFFFF
        self.key_open_ms = max(self.key_open_ms - dt_ms, 0)
        self.key_wait_ms = max(self.key_wait_ms - dt_ms, 0)

    def _test(self, dt_ms: int, closed: int, feedback: int) -> None:
        hours = self.words[config.TEST_HOURS]
        since = self.selftest.since_s if self.selftest.since_s >= 0 else self.uptime_s
        if hours and self.selftest.result != RUNNING and since >= hours * 3600:
            self.selftest.start()
        if self.failsafe.state == TRIPPED and self.selftest.result == RUNNING:
            self.selftest.abandon()
            return
        self.selftest.step(
            dt_ms,
            self.words[config.FEEDBACK] & self.words[config.FITTED],
            self.outputs.driven,
            feedback,
            self.words[config.TEST_SUPPLY] != 0,
            closed,
            self.outputs.reclose_ms,
        )

    def light(self) -> bool:
        # Return whether the light is on (README.md): steady ALLOWED, 1 Hz LIMITED, a flash a second SAFE,
        # 5 Hz TRIPPED; a second flash, or a gap, for what is wrong.
        state = self.failsafe.state
        phase = self._ms
        if state == TRIPPED:
            return phase % 200 < 100
        if state == SAFE:
            return phase < 60 or (self.faults() != 0 and 200 <= phase < 260)
        if state == LIMITED:
            return phase < 500
        return phase < 900 or self.faults() == 0
