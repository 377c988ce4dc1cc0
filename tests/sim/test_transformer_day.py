"""A real Saturday in Caltech's garage below a far too small transformer, judged from outside the core.

Judges: complex numbers written out from the drawing, HiGHS, and acnportal's own sums where it is installed.
"""

import random

import pytest

from tests.bench import _caltech, _transformer_offline, _transformer_peers
from tests.bench._transformer_loop import Loop, overloads

KW = 10.0


def test_a_day_below_a_tight_transformer_comes_close_to_the_best_in_hindsight():
    visits = _caltech.of_days("2019-05", (4,))
    assert len(visits) == 12
    lived = Loop(KW, "legal", "2019-05", visits).run()
    asked_wh = sum(v.need_wh for v in visits)
    got_wh, best_wh = sum(lived.got_wh.values()), _transformer_offline.optimum_wh(visits, KW)
    assert lived.violations == []
    assert best_wh < 0.99 * asked_wh  # there is not enough for all
    assert best_wh - 0.02 * asked_wh <= got_wh <= best_wh * 1.0001
    for visit in visits:
        assert lived.got_wh[visit.id] <= visit.need_wh + 1e-6


def test_the_optimum_keeps_every_limit_and_uses_one_to_the_last():
    """One vehicle alone, below a transformer of 2 kW."""
    visit = _caltech.Visit("alone", "CA-308", 0, 12, 1e6)
    best_wh = _transformer_offline.optimum_wh((visit,), 2.0)
    amps = best_wh / 12 / _caltech.SLOT_WH
    assert overloads({"CA-308": amps * 0.9999}, 2.0) == []
    assert overloads({"CA-308": amps * 1.0001}, 2.0) != []


def test_limits_are_those_of_acnportal():
    if not _transformer_peers.there():
        pytest.skip("acnportal not installed: make bench-peers")
    dice = random.Random(20260101)
    found = 0
    for _ in range(300):
        stations = dice.sample(sorted(_caltech.PAIRS), dice.randrange(1, 20))
        amps = {station: dice.uniform(0, 32) for station in stations}
        kw = dice.uniform(5, 60)
        ours = bool(overloads(amps, kw))
        assert ours == _transformer_peers.overloaded(amps, kw)
        found += ours
    assert 30 < found < 270
