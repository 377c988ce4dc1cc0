"""From looks at chargers to the figure: a depot whose outages are known to the second, reported on.

The truth is drawn first.  The chargers, the gateway and its clock then behave accordingly, second by second
where something happens; the store's rows are all that the report sees.
"""

import random

import pytest

from edge.core import ports
from edge.core.observation import Observation
from edge.core.ports import START_MS
from edge.model.flow import Restored
from edge.model.portpolicy import DEFAULT
from edge.model.records import PortInterval
from edge.model.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from edge.report.uptime import Records, monthly

FLAP_MS = DEFAULT.flap_ms
BEGIN = 1_772_323_200_000  # 2026-03-01T00:00:00Z
DAYS = 31
NAMES = [f"p{n}" for n in range(4)]


class Gateway:
    """The daemon's part: folds looks, keeps rows, beats once a minute, loses power and comes back."""

    def __init__(self):
        self.rows: dict[tuple[str, int], PortInterval] = {}
        self.beat_wall_ms = None
        self.state = None
        self.offset = 0

    def boot(self, wall_ms, offset):
        open_rows = [row for row in self.rows.values() if row.end_wall_ms is None]
        self.offset = offset  # of this boot's monotonic clock
        restored = Restored(wall_ms - offset, wall_ms, "b", self.beat_wall_ms, open_rows, [], [], {})
        self.state = ports.begin(restored, wall_ms - offset)

    def look(self, wall_ms, seen, trusted=True, lost=""):
        shown_ms = wall_ms if trusted else 0
        now_ms = wall_ms - self.offset
        self.state, rows = ports.step(self.state, seen, now_ms, shown_ms, trusted, power_lost=lost)
        self.rows |= {(row.port, row.start_wall_ms): row for row in rows}

    def beat(self, wall_ms):
        if self.beat_wall_ms is None or wall_ms - self.beat_wall_ms >= MINUTE_MS:
            self.beat_wall_ms = wall_ms


def drawn(rng):
    """Draw the truth: stretches of (from, to, port or all, what), in whole seconds, apart from each other."""
    at, truth = 2 * HOUR_MS, []
    while at < DAYS * DAY_MS - 6 * HOUR_MS:
        what = rng.choice(["comms", "comms", "fault", "fault", "unavailable", "flap", "gateway off"])
        lasts = rng.randrange(15, 4 * 3600) * SECOND_MS
        if what == "flap":
            lasts = rng.randrange(1, FLAP_MS // SECOND_MS) * SECOND_MS
        port = None if what == "gateway off" else rng.choice(NAMES)
        truth.append((BEGIN + at, BEGIN + at + lasts, port, what))
        at += lasts + rng.randrange(120, 3 * 3600) * SECOND_MS
    return truth


LOOKS = {
    "comms": {"online": False, "why": "no answer"}, "flap": {"online": False, "why": "no answer"},
    "fault": {"state": "F"}, "unavailable": {"available": False}, "up": {},
}  # fmt: skip


def looks(what_of):
    return [
        Observation(f"bay-{name}", name, **{"online": True, "state": "A", **LOOKS[what_of.get(name, "up")]})
        for name in NAMES
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_figure_is_the_truth_to_the_second(seed):
    rng = random.Random(seed)
    truth = drawn(rng)
    gateway = Gateway()
    gateway.boot(BEGIN, BEGIN - 1_000)
    now = BEGIN
    gateway.look(now, looks({}))
    gateway.beat(now)
    unseen = []  # what the gateway cannot know: from its last heartbeat to its start
    for begin, end, port, what in truth:
        while gateway.beat_wall_ms + MINUTE_MS <= begin:
            gateway.beat(gateway.beat_wall_ms + MINUTE_MS)
        if what == "gateway off":
            unseen.append((gateway.beat_wall_ms, end))
            gateway.boot(end, end - rng.randrange(1, 90_000))
            gateway.look(end, looks({}), trusted=False)
            gateway.look(end + 50_000, looks({}))  # the clock is set later
            gateway.beat(end + 50_000)
        else:
            gateway.look(begin, looks({port: what}))
            gateway.look(end, looks({}))
    until = BEGIN + DAYS * DAY_MS
    found = monthly(Records(list(gateway.rows.values())), "2026-03", "UTC", until)
    assert [port.port for port in found] == NAMES
    for port in found:
        own = [(b, e, what) for b, e, name, what in truth if name == port.port]
        flaps = [(b, e) for b, e, what in own if what == "flap"]
        outage_ms = sum(e - b for b, e, what in own if what != "flap")
        flap_ms = sum(e - b for b, e in flaps)
        # A row that begins after the last heartbeat is later than it: nothing before the row is unseen.
        unseen_ms = sum(e - max(b, _last_change(own, b, e)) for b, e in unseen)
        assert port.evidence.outage_ms == outage_ms
        assert port.down_ms == outage_ms + flap_ms
        assert port.flaps == len(flaps)
        assert port.unknown_ms == unseen_ms
        assert port.conservative.outage_ms == outage_ms + flap_ms + unseen_ms
    assert sum(what == "gateway off" for *_, what in truth) > 3, "nothing was shown about the gateway"


def _last_change(own, begin, end):
    """Return the last change of a port between a heartbeat and the power cut."""
    return max((at for b, e, _ in own for at in (b, e) if begin <= at < end), default=begin)


def test_a_charger_that_never_answers_is_down_after_half_a_minute():
    gateway = Gateway()
    gateway.boot(BEGIN, BEGIN)
    for second in range(0, 120):
        gateway.look(BEGIN + second * SECOND_MS, looks({"p0": "comms"}))
    records = Records(list(gateway.rows.values()))
    found = {port.port: port for port in monthly(records, "2026-03", "UTC", BEGIN + 119_000)}
    assert found["p0"].from_wall_ms == BEGIN + START_MS
    assert (found["p0"].unknown_ms, found["p0"].down_ms) == (0, 119_000 - START_MS)
    assert found["p1"].up_ms == 119_000
