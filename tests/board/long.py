"""What takes minutes: `python tests/board/long.py frames N | week DAYS | loop`, run by `make fuzz-board`."""

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

    minute, end = memory_over(4 * 24 * days, seconds=36_000)
    print(f"{days} days of heartbeats: in use {minute[0]} bytes after a minute, {end[0]} at the end;")
    print(f"free {minute[1]} and {end[1]}")
    assert end == minute


# What the additions of loops.py take on an RP2040 at 125 MHz with MicroPython 1.23, in ns.
# Source: github.com/shaoziyang/micropython_benchmarks, README.md: "Integer addition 1000000 times", 7984 ms.
RP2040_ADDITION_NS = 7984
RP2040_HEAP_KIB = 233_024 // 1024  # the same table


def loop() -> None:
    """Measure every kind of loop under MicroPython here; say what that comes to on the chip."""
    sys.path.insert(0, str(ROOT))
    from tests.fakes import micropython as under

    said = [line.split(" ", 1) for line in under.run("import loops\nloops.report()").splitlines()]
    cost = {name: int(ns) for ns, name in said}
    slower = RP2040_ADDITION_NS / cost.pop("addition")
    look = cost.pop("memory") * RP2040_HEAP_KIB
    print(f"here, best of many; on an RP2040 {slower:.1f} times that, by what an addition takes on both:")
    for name, ns in sorted(cost.items(), key=lambda item: -item[1]):
        print(f"  {ns / 1e6:6.3f} ms   {ns * slower / 1e6:5.1f} ms   {name}")
    print(f"  a look at the memory, each 10 s, adds {look * slower / 1e6:.1f} ms there")


begun = time.monotonic()
{"frames": frames, "week": week, "loop": loop}[sys.argv[1]](*map(int, sys.argv[2:]))
print(f"{time.monotonic() - begun:.0f} s")
