"""What takes minutes: `python tests/board/long.py frames|week [N]`, run by `make fuzz-board`."""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def frames(count: int) -> None:
    """Feed mutated frames to the firmware; the dice are thrown anew each time."""
    sys.path[:0] = [str(ROOT / "board"), str(ROOT / "board" / "host")]
    from checks_frame import fuzz

    seed = int(time.time())
    sent, intact, answered = fuzz(count, seed)
    print(f"{sent} mutated frames (seed {seed}), {intact} of them with a right CRC, {answered} answered:")
    print("no crash, no output moved")


def week(days: int) -> None:
    """Compare what is in use after a minute and after so many days, under MicroPython."""
    sys.path.insert(0, str(ROOT))
    from tests.board.test_micropython import memory_over

    minute, end = memory_over(24 * days, seconds=36_000)
    print(f"{days} days of heartbeats: in use {minute[0]} bytes after a minute, {end[0]} at the end;")
    print(f"free {minute[1]} and {end[1]}")
    assert end == minute


begun = time.monotonic()
{"frames": frames, "week": week}[sys.argv[1]](int(sys.argv[2]))
print(f"{time.monotonic() - begun:.0f} s")
