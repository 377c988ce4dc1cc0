"""Every check_* of checks_*.py under CPython; test_micropython.py runs the same under MicroPython."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Instructions of CPython in a loop: 26 000 of them are some 23 ms on an RP2040 (board/README.md).
IDLE_LOOP, LONGEST_LOOP = 2_000, 30_000

HERE = Path(__file__).parent
CHECKS = [
    (source.stem, name)
    for source in sorted(HERE.glob("checks_*.py"))
    for name in re.findall(r"^def (check_\w+)\(\)", source.read_text(), re.MULTILINE)
]
MODULES = sorted({module for module, _ in CHECKS})


@pytest.mark.parametrize(("module", "check"), CHECKS, ids=[name.removeprefix("check_") for _, name in CHECKS])
def test_the_board(module: str, check: str) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "each.py"), module, check], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, [check]), done.stderr


def test_no_request_makes_a_loop_long() -> None:
    """What a loop does is bounded, whatever comes in: counted, so that a slow machine does not matter."""
    code = "import loops; loops.TIMES = 3; print(dict(loops.costs(loops.instructions)))"
    paths = [str(HERE), str(HERE.parents[1] / "board"), str(HERE.parents[1] / "board" / "host")]
    said = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths}; {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    cost = ast.literal_eval(said.stdout)
    assert cost["nothing on the line"] < IDLE_LOOP
    assert 10_000 < max(cost.values()) < LONGEST_LOOP, cost


def test_the_wiring_diagram_has_the_pins_that_the_firmware_uses() -> None:
    board = HERE.parents[1] / "board"
    source = (board / "pins_pico.py").read_text()
    used = {int(n) for n in re.findall(r"\b(?:Pin|ADC)\((\d+)", source)} - {25}  # the Pico's own light
    drawn = re.findall(r">GP(\d+)(?: TX| RX)? \((\d+)\)<", (board / "wiring.svg").read_text())
    assert {int(gp) for gp, _ in drawn} == used and len(drawn) == len(used)
    # Raspberry Pi Pico datasheet, pinout: two rows of GP with a GND after each four; GP22 and 26 to 28 above.
    pins = {gp: gp + 1 + (gp + 2) // 4 for gp in range(16)} | {
        16: 21,
        17: 22,
        18: 24,
        22: 29,
        26: 31,
        27: 32,
        28: 34,
    }
    assert {int(gp): int(pin) for gp, pin in drawn} == {gp: pins[gp] for gp in used}
