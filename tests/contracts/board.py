"""What a driver of an I/O board must do."""

import pytest

from drivers.device import Device, NotAllowed
from drivers.wire import Write
from tests.contracts.device import DeviceContract
from tests.drivers import golden


class BoardContract(DeviceContract):
    """Runs for every board family.  name: of the table and of the golden file."""

    def test_it_has_no_setpoint(self, device: Device) -> None:
        with pytest.raises(NotAllowed, match="no setpoint"):
            device.set_current(8_000)

    def test_nothing_is_written_to_what_is_not_recognised(self) -> None:
        with pytest.raises(NotAllowed, match="recognised"):
            golden.load(self.name).device(recognised=False).beat(1, 0)

    def test_a_heartbeat_moves_and_carries_the_relays_in_one_request(self, device: Device) -> None:
        seen = set()
        for counter in range(70_000, 70_010):
            (write,) = device.beat(counter, 0b0101)
            assert device.allowed(write)
            assert write.words == (counter & 0xFFFF, 0b0101)
            seen.add(write.words[0])
        assert len(seen) == 10

    def test_it_is_fed_each_second_and_twice_in_its_time(self, device: Device) -> None:
        for time_ms in (2_000, 10_000, 60_000):
            supervision = device.supervision(time_ms)
            assert 0 < supervision.every_ms <= min(1_000, time_ms // 2)

    def test_only_what_the_table_lists_may_be_written(self, device: Device) -> None:
        file = golden.load(self.name)
        for address in range(48):
            for function, words in ((6, (1,)), (16, (1,)), (16, (1, 1))):
                if device.allowed(Write(file.unit, function, address, words)):
                    assert ("holding", address) in file.writable
        assert not device.allowed(Write(file.unit, 6, 10, (3,)))  # a commit is a person's

    def test_state_and_inputs_come_in_the_fast_poll(self, device: Device) -> None:
        fast = {p.key for p in device.table.points if p.group.every == "fast"}
        assert {"board_state", "relays", "faults", "limit_input", "tripped"} <= fast
