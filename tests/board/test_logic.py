"""Every check_* of checks_*.py under CPython; test_micropython.py runs the same under MicroPython."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
