"""The balancer's C tests, built and run by every compiler that is here, with one digest for all.

What is not installed is skipped by name; CI installs gcc, clang-14, libclang-rt-14-dev, gcovr,
gcc-aarch64-linux-gnu, gcc-arm-linux-gnueabihf, their libc6-dev-*-cross and qemu-user-static.
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
    "test-clang": ("clang-14",),
    "test-sanitize": ("clang-14",),
    "test-arm64": ("aarch64-linux-gnu-gcc", "qemu-aarch64-static"),
    "test-armhf": ("arm-linux-gnueabihf-gcc", "qemu-arm-static"),
    "coverage": ("gcc", "gcovr"),
}


@cache
def run(target: str) -> str:
    missing = [tool for tool in ("make", *NEEDS[target]) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"native {target}: {', '.join(missing)} not installed")
    done = subprocess.run(["make", "-C", str(NATIVE), target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def digest(output: str) -> str:
    found = re.search(r"(\d+) checks, 0 failures, digest ([0-9a-f]{16})", output)
    assert found is not None and int(found[1]) > 10_000, output
    return found[2]


@pytest.mark.parametrize("target", NEEDS)
def test_the_c_tests_pass(target):
    assert digest(run(target))


@pytest.mark.parametrize("target", [target for target in NEEDS if target != "test-gcc"])
def test_the_grants_are_the_same_bit_for_bit(target):
    assert digest(run(target)) == digest(run("test-gcc"))
