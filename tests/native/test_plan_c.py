"""The planner's C tests, built and run by every compiler that is here.

What is not installed is skipped by name; see test_balance_c.py for the packages.
"""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
NEEDS = {
    "test-gcc": ("gcc",),
    "test-plain": ("gcc",),  # without the copies for wider registers
    "test-clang": ("clang-14",),
    "test-sanitize": ("clang-14",),
    "test-arm64": ("aarch64-linux-gnu-gcc", "qemu-aarch64-static"),
    "test-armhf": ("arm-linux-gnueabihf-gcc", "qemu-arm-static"),
}


@cache
def digest(target):
    missing = [tool for tool in ("make", *NEEDS[target]) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"native {target}: {', '.join(missing)} not installed")
    call = ["make", "-C", str(NATIVE), "-f", "plan.mk", target]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) checks, 0 failures, digest ([0-9a-f]{16})", done.stdout)
    assert found is not None and int(found[1]) > 400, done.stdout
    return found[2]


@pytest.mark.parametrize("target", NEEDS)
def test_the_c_tests_pass_with_the_same_amperes_bit_for_bit(target):
    """Sums are in an order that the source fixes and nothing is fused: a plan can be replayed anywhere."""
    assert digest(target) == digest("test-gcc")


def test_the_planner_has_no_heap_no_globals_and_calls_nothing_but_the_mathematics():
    """What the object needs from outside is memory moves, the square root and its kin, and assert."""
    if shutil.which("nm") is None or shutil.which("gcc") is None:
        pytest.skip("gcc, nm not installed")
    built = NATIVE / "build" / "plan-symbols.o"
    built.parent.mkdir(exist_ok=True)
    flags = ["-std=c11", "-O2", "-DPL_PLAIN", "-fno-math-errno", "-c"]
    subprocess.run(["gcc", *flags, str(NATIVE / "plan.c"), "-o", str(built)], check=True)
    listed = subprocess.run(["nm", str(built)], capture_output=True, text=True, check=True).stdout
    symbols = [line.split()[-2:] for line in listed.splitlines()]
    needed = {name for kind, name in symbols if kind == "U"}
    allowed = {
        "memcpy", "memset", "memmove", "sqrt", "sqrtf", "hypot", "exp", "log", "floor", "floorf", "fmax",
        "fmaxf", "fmin", "fminf", "__assert_fail", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",
    }  # fmt: skip
    assert needed <= allowed, needed - allowed
    assert not [name for kind, name in symbols if kind in "BbDdC"], "writable data"
