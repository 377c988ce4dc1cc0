"""What takes minutes: `python tests/board/long.py frames|week [N]`, run by `make fuzz-board`."""

import sys
import time

import test_logic
import test_micropython
from checks_frame import fuzz


def main() -> None:
    what, count = sys.argv[1], int(sys.argv[2])
    begun = time.monotonic()
    if what == "frames":
        sent, intact, answered = fuzz(count, int(time.time()), str(test_logic.BOARD))
        print(
            f"{sent} mutated frames, {intact} of them with a right CRC, {answered} answered: no output moved"
        )
    else:
        package = (
            test_micropython.CACHE
            / f"npm-{test_micropython.NPM_VERSION}/node_modules"
            / test_micropython.PACKAGE
        )
        minute, end = test_micropython.memory_over(package, 24 * count, seconds=3600)
        print(f"memory in use after a minute {minute} bytes, after {count} days {end} bytes")
        assert end == minute
    print(f"{time.monotonic() - begun:.0f} s")


main()
