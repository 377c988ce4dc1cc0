"""edge/report/holidays.py against the days as NERC lists them."""

from datetime import UTC, date, datetime

import pytest

from edge.report.holidays import NERC, holidays
from edge.shell.sitekinds import HOLIDAYS, Wrong


def nerc(year: int) -> list[date]:
    now = int(datetime(year, 7, 1, tzinfo=UTC).timestamp() * 1000)
    return sorted(day for day in holidays((NERC,), now) if day.year == year)


def test_the_six_holidays_of_the_north_american_grid() -> None:
    # As listed in NERC's "Additional Off-peak Days".  2021: Independence Day was a Sunday.
    assert nerc(2021) == [
        date(2021, 1, 1), date(2021, 5, 31), date(2021, 7, 5), date(2021, 9, 6), date(2021, 11, 25),
        date(2021, 12, 25),
    ]  # fmt: skip
    # 2022 began on a Saturday, which is not moved; Christmas was a Sunday.
    assert nerc(2022) == [
        date(2022, 1, 1), date(2022, 5, 30), date(2022, 7, 4), date(2022, 9, 5), date(2022, 11, 24),
        date(2022, 12, 26),
    ]  # fmt: skip
    assert nerc(2023)[0] == date(2023, 1, 2)


def test_days_and_nerc_may_be_mixed_and_years_meet() -> None:
    now = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)
    found = holidays((NERC, "2026-03-31", "easter+1"), now)
    assert {
        date(2025, 12, 25),
        date(2026, 1, 1),
        date(2026, 3, 31),
        date(2026, 4, 6),
        date(2027, 1, 1),
    } <= found
    assert holidays((), now) == frozenset()


def test_a_site_file_may_name_them_and_is_told_what_is_none() -> None:
    assert HOLIDAYS.read(["NERC", "12-25 observed", date(2026, 11, 3)]) == (
        NERC,
        "12-25 observed",
        "2026-11-03",
    )
    with pytest.raises(Wrong, match='or "NERC"'):
        HOLIDAYS.read("christmas")
