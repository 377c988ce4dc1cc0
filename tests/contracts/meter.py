"""What every meter driver must do."""

import pytest

from drivers.device import Device, NotAllowed
from tests.contracts.device import DeviceContract


class MeterContract(DeviceContract):
    """Runs for every meter family.  name: of the table and of the golden file."""

    def test_it_has_no_setpoint(self, device: Device) -> None:
        with pytest.raises(NotAllowed, match="no setpoint"):
            device.set_current(8_000)
        assert device.keep_alive(8_000) == []

    def test_it_gives_what_the_balance_needs_in_the_fast_poll(self, device: Device) -> None:
        fast = [p for p in device.table.points if p.group.every == "fast"]
        keys = {p.key for p in fast} | {d.key for d in device.table.derived}
        assert "current_l1_ma" in keys, "a balance per phase needs the currents every second"

    def test_power_comes_in_the_fast_poll_too(self, device: Device) -> None:
        keys = {p.key for p in device.table.points if p.group.every == "fast"}
        keys |= {d.key for d in device.table.derived}
        assert "power_w" in keys or "power_l1_w" in keys
