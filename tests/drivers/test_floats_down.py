"""What is written as a float is never above what was meant (I8), also where binary has no such number."""

from fractions import Fraction

from drivers.writing import _float


def test_no_tenth_is_rounded_up() -> None:
    """Of many tenths the nearest double is above; then the one nearer to 0 is taken."""
    tenths = [Fraction(n, 10) for n in range(-400, 4_000)]
    assert any(Fraction(float(each)) > each for each in tenths)  # else this shows nothing
    assert [each for each in tenths if abs(Fraction(_float(each))) > abs(each)] == []
    assert all(abs(each - Fraction(_float(each))) < Fraction(1, 10**9) for each in tenths)
