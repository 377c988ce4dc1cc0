"""The table of sessions."""

from edge.model.records import Session
from edge.model.units import HOUR_MS, MINUTE_MS
from edge.report.sessions import rows, totals

DONE = Session(
    "a", "bay-1", 1_000, 1_000 + 2 * HOUR_MS, 2 * HOUR_MS, 90 * MINUTE_MS, 16_500, power_w_max=11_200
)
OPEN = Session("b", "bay-2", 500, None, MINUTE_MS, 0, 0)


def test_a_line_a_session_by_start():
    found = rows([DONE, OPEN])
    assert [line.id for line in found] == ["b", "a"]
    assert (found[1].mean_w, found[1].idle_ms) == (11_000, 30 * MINUTE_MS)
    assert (found[0].mean_w, found[0].end_wall_ms) == (0, None)


def test_the_sums():
    found = totals([DONE, OPEN])
    assert (found.sessions, found.unfinished, found.energy_wh, found.power_w_max) == (2, 1, 16_500, 11_200)
    assert totals([]).power_w_max == 0
