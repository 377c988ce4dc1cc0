"""Every check_* of checks_*.py under CPython; test_micropython.py runs the same under MicroPython."""

import importlib
import inspect
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BOARD = HERE.parents[1] / "board"
MODULES = ("checks_failsafe", "checks_store", "checks_rms", "checks_frame", "checks_board")

for folder in (HERE, BOARD, BOARD / "host"):
    sys.path.insert(0, str(folder))
CHECKS = [
    pytest.param(function, id=name.removeprefix("check_"))
    for module in MODULES
    for name, function in vars(importlib.import_module(module)).items()
    if name.startswith("check_")
]


@pytest.mark.parametrize("check", CHECKS)
def test_the_board(check) -> None:
    if inspect.signature(check).parameters:
        check(str(BOARD))
    else:
        check()
