"""Prices over prices, worked out by hand."""

import pytest

from edge.core.prices import added, overlaid
from edge.model.records import PriceNow


def p(*rows: tuple[int, int, int]) -> list[PriceNow]:
    return [PriceNow(a, b, micro, "") for a, b, micro in rows]


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ([], [(0, 10, 1), (10, 20, 2)]),
        ([(3, 5, 9)], [(0, 3, 1), (3, 5, 9), (5, 10, 1), (10, 20, 2)]),
        ([(8, 12, 9)], [(0, 8, 1), (8, 12, 9), (12, 20, 2)]),
        ([(0, 20, 9)], [(0, 20, 9)]),
        ([(-5, 3, 9), (15, 30, 8)], [(-5, 3, 9), (3, 10, 1), (10, 15, 2), (15, 30, 8)]),
        ([(2, 4, 9), (7, 8, 7)], [(0, 2, 1), (2, 4, 9), (4, 7, 1), (7, 8, 7), (8, 10, 1), (10, 20, 2)]),
        ([(10, 20, 9)], [(0, 10, 1), (10, 20, 9)]),
    ],
)  # fmt: skip
def test_what_the_utility_says_takes_the_place_of_the_tariff(
    over: list[tuple[int, int, int]], expected: list[tuple[int, int, int]]
) -> None:
    assert overlaid(p((0, 10, 1), (10, 20, 2)), p(*over)) == p(*expected)


def test_without_a_tariff_only_the_utility_speaks() -> None:
    assert overlaid([], p((3, 5, 9))) == p((3, 5, 9))


def test_what_is_added_is_added_where_both_speak_and_stands_alone_elsewhere() -> None:
    base = [PriceNow(0, 10, 100, "tariff"), PriceNow(10, 20, 200, "tariff")]
    more = [PriceNow(5, 15, 7, "carbon"), PriceNow(18, 25, 9, "carbon")]
    found = [(p.from_wall_ms, p.to_wall_ms, p.price_micro, p.source) for p in added(base, more)]
    assert found == [
        (0, 5, 100, "tariff"),
        (5, 10, 107, "tariff, carbon"),
        (10, 15, 207, "tariff, carbon"),
        (15, 18, 200, "tariff"),
        (18, 20, 209, "tariff, carbon"),
        (20, 25, 9, "carbon"),
    ]
    assert added(base, []) is base
    assert added([], more) == more
