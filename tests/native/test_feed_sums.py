"""The table of delta-wye lines that the C tests go by, against the currents of the windings in 60 digits."""

import re
from decimal import Decimal
from pathlib import Path

from edge.model.sharing import Ask
from tests.native import balance_oracle

ROW = re.compile(r"\{\{(\d+(?:, \d+){6})\}, \{(\d+, \d+, \d+)\}\}")
ROWS = ROW.findall((Path(__file__).parents[2] / "native" / "feed_sums.h").read_text())
KINDS = [(1,), (2,), (1, 2), (3,), (1, 3), (2, 3), (1, 2, 3)]


def test_each_row_is_the_least_whole_current_not_below_the_figure():
    assert len(ROWS) >= 50
    for row in ROWS:
        parts, lines = ([int(number) for number in half.split(", ")] for half in row)
        asks = [Ask(f"c{n}", "n", kind, 0, 0) for n, kind in enumerate(KINDS)]
        grants = {ask.id: ma for ask, ma in zip(asks, parts, strict=True)}
        for phase, fits in enumerate(lines, start=1):
            figure = balance_oracle.feed_figure(phase, asks, grants, {"n"}) - Decimal(10) ** -20
            assert fits - 1 < figure <= fits, (row, phase)
