"""`depot devices`: what people and programs get to see of the library."""

import json
import subprocess
import sys
from pathlib import Path

from drivers import library
from tests.drivers.tiny import rows, text


def depot(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", "devices", *map(str, words)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_list_has_a_line_for_every_family() -> None:
    done = depot()
    assert done.returncode == 0 and done.stderr == ""
    first = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert [name for name in first if name in library.names()] == library.names()
    assert "rtu 19200 8E1" in done.stdout and "8N1?" in done.stdout


def test_a_family_says_what_bites() -> None:
    done = depot("mennekes_amtron_compact_2")
    assert "a written 0 means NO LIMIT" in done.stdout
    assert "MENNEKES" in done.stdout.split("sources:")[1]


def test_json_is_one_document_of_all_families() -> None:
    all_of_them = json.loads(depot("--json").stdout)
    assert [one["name"] for one in all_of_them] == library.names()
    one = json.loads(depot("heidelberg_energy_control", "--json").stdout)
    assert one == next(o for o in all_of_them if o["name"] == "heidelberg_energy_control")
    assert one["control"] == {
        "min_ma": 6000,
        "max_ma": 16000,
        "step_ma": 100,
        "zero": "pauses",
        "phases": False,
    }
    assert one["supervision"]["kind"] == "any_request" and one["supervision"]["time_ms"] == 15000
    assert all(c["text"] for c in one["caveats"]) and one["sources"]


def test_a_wrong_table_or_name_is_exit_2_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text(rows('[1, "u16", "powr", "W"]')))
    done = depot("--dir", tmp_path, "mine")
    assert done.returncode == 2 and done.stdout == ""
    assert "mine.toml: [[read]] 2 row 1: [1, 'u16', 'powr', 'W']: 'powr' is no quantity" in done.stderr
    assert depot("nothing").returncode == 2
    missing = depot("--dir", tmp_path / "not")
    assert missing.returncode == 2 and "is no directory" in missing.stderr
