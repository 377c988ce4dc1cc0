"""What I/O boards ask of the depot, where a story would not show it: the words of Boards, by hand."""

from edge.core.boards import Boards
from tests.story.test_boards import WELL, guarded

NOW = 100_000


def boards(**said: int | str) -> Boards:
    """Return a board that was read when it was 100 s."""
    found = Boards(guarded())
    found.identified("io", {"serial": "1"})
    found.read("io", NOW, WELL | said)
    return found


def limited(found: Boards, now_ms: int = NOW) -> list[int | None]:
    return [cap.limit_ma for cap in found.caps(now_ms)]


def test_the_operators_relay_counts_as_on_until_it_is_read_as_off() -> None:
    """I3, also for chargers that the board does not guard: silent, lost, never told."""
    assert limited(boards()) == []
    assert limited(boards(limit_input=1)) == [20_000]
    silent = boards()
    assert limited(silent, NOW + 5_000) == []
    assert limited(silent, NOW + 5_001) == [20_000]
    lost = boards()
    lost.lost("io", "no answer")
    assert limited(lost) == [20_000]
    untold = Boards(guarded())
    untold.identified("io", {"serial": "1"})
    untold.read("io", NOW, {"relays": 3})
    assert limited(untold) == [20_000]


def test_a_relay_is_believed_open_only_when_seen_so_for_a_while_and_not_welded() -> None:
    """I1: what is behind it may draw its maximum until then."""
    opened = boards(relays=2)
    opened.read("io", NOW + 1_999, {"relays": 2})
    assert opened.open_ma("bay-1", NOW + 1_999) is None
    assert opened.open_ma("bay-1", NOW + 2_000) == 0
    assert opened.open_ma("bay-2", NOW + 2_000) is None  # closed
    welded = boards(relays=2, faults=1)
    assert welded.open_ma("bay-1", NOW + 2_000) is None
    assert opened.open_ma("bay-1", NOW + 1_999 + 5_001) is None  # nobody has looked since
