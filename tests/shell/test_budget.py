"""edge/shell/budget.py: so many lines an hour, and none forgotten in the count."""

from edge.shell.budget import HOUR_MS, Budget


def test_so_many_an_hour_and_the_rest_counted() -> None:
    budget = Budget(2)
    assert [budget.line(str(n), n) for n in range(5)] == ["0", "1", None, None, None]
    assert budget.line("x", HOUR_MS - 1) is None
    assert budget.line("a", HOUR_MS) == "a (4 more before it are not listed)"
    assert budget.line("b", HOUR_MS) == "b"
    assert budget.line("c", HOUR_MS) is None
