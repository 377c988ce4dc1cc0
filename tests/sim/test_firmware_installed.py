"""An installed package has the board's firmware in it: `depot demo` needs no sources."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_is_installed_runs_its_own_firmware(tmp_path: Path) -> None:
    build = ["setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path / "lib")]
    egg = ["egg_info", "--egg-base", str(tmp_path)]
    subprocess.run([sys.executable, *build, *egg], cwd=ROOT, check=True, capture_output=True)
    look = "from edge.shell.firmware import FIRMWARE; print(FIRMWARE)"
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'lib')!r}); {look}"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    firmware = Path(said.stdout.strip())
    assert firmware == tmp_path / "lib" / "edge" / "firmware"
    for source in [*(ROOT / "board").glob("*.py"), *(ROOT / "board" / "host").glob("*.py")]:
        assert (firmware / source.relative_to(ROOT / "board")).read_bytes() == source.read_bytes()
    runs = [sys.executable, str(firmware / "host" / "run.py"), "--help"]
    assert "--flash" in subprocess.run(runs, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
