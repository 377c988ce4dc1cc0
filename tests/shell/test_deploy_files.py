"""What systemd itself says of our unit: how much it is exposed, and that it knows every key."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.model.site import Policy

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "depot-edge.service"

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (apt-get install systemd)"
)


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@needs_systemd
def test_the_sandbox_is_tight() -> None:
    """At most 2.0 on systemd's scale of exposure (10 is nothing protected)."""
    found = analyzed("security", "--offline=true", "--threshold=20", str(UNIT))
    assert found.returncode == 0, found.stdout


@needs_systemd
def test_systemd_knows_every_key_of_the_unit() -> None:
    """An unknown key is only a warning to it, and would protect nothing."""
    found = analyzed("verify", "--man=no", str(UNIT))
    complaints = [line for line in found.stderr.splitlines() if "depot-edge" in line]
    assert [c for c in complaints if "/usr/bin/depot is not executable" not in c] == []


def test_the_watchdog_lets_a_slow_tick_pass_but_ends_within_a_setpoint() -> None:
    """A tick is due each second; a hung daemon is killed no later than its setpoints expire (I4)."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    watchdog_s = int(unit["Service"]["WatchdogSec"])
    assert 3 <= watchdog_s <= Policy().setpoint_ms / 1000
    assert unit["Service"]["Type"] == "notify"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit["Service"]["User"] != "root"


def test_every_name_of_an_adapter_is_below_dev_depot() -> None:
    rules = (DEPLOY / "udev" / "60-depot-edge.rules").read_text()
    names = re.findall(r'SYMLINK\+="([^"]+)"', rules)
    assert len(names) == 2
    assert all(name.startswith("depot/") for name in names)
    for label in re.findall(r'GOTO="(\w+)"', rules):
        assert f'LABEL="{label}"' in rules
