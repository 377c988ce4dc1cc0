"""The table of phasor sums that the C tests go by, against the formula of the format in 60 digits."""

import re
from decimal import Decimal, localcontext
from pathlib import Path

ROWS = re.findall(
    r"\{(\d+), (\d+), (\d+), (\d+)\}",
    (Path(__file__).parents[2] / "native" / "phasor_sums.h").read_text(),
)


def test_each_row_is_the_least_whole_current_not_below_the_figure():
    assert len(ROWS) >= 40
    for row in ROWS:
        a, c, w, fits = (Decimal(number) for number in row)
        with localcontext() as context:
            context.prec = 60
            figure = ((Decimal(3).sqrt() / 2 * (a + c) + w) ** 2 + (a - c) ** 2 / 4).sqrt()
            assert fits - 1 < figure - Decimal(10) ** -20
            assert figure - Decimal(10) ** -20 <= fits
