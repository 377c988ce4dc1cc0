"""What every driver must do, meter or charger."""

import pytest

from drivers.device import Device, NotRecognised
from drivers.wire import Read, Replies
from edge.model.quantities import BY_KEY
from tests.contracts.bank import Bank
from tests.drivers import golden


def at_limits(*limits: int) -> list[int]:
    """Return the values close around some limits, and some in between."""
    return sorted({max(0, limit + d) for limit in limits for d in range(-3, 4)})


class DeviceContract:
    """Runs for every family.  name: of the table and of the golden file."""

    name = ""

    @pytest.fixture
    def device(self) -> Device:
        return golden.load(self.name).device()

    def reads(self, device: Device) -> list[Read]:
        return [read for poll in device.polls() for read in poll.reads]

    def test_its_own_reads_find_what_the_golden_look_shows(self) -> None:
        file = golden.load(self.name)
        bank = Bank(file)
        device = file.device(recognised=False)
        bank.recognise(device)
        look = next(p for p in file.parts if p.title == "read")
        seen = device.decode(bank.look(device))
        assert {k: seen.get(k) for k in look.readings} == look.readings
        assert not set(look.absent) & set(seen)

    def test_silence_and_refusals_are_not_recognised(self) -> None:
        stranger = golden.load(self.name).device(recognised=False)
        asked = stranger.identify()
        assert asked, "it asks for something before it writes anything"
        for replies in ({}, dict.fromkeys(asked, 2), {r: (0,) * r.count for r in asked}):
            with pytest.raises(NotRecognised):
                stranger.recognise(replies)
            assert not stranger.recognised

    def test_no_answer_gives_no_reading(self, device: Device) -> None:
        assert device.decode({}) == {}
        for code in (1, 2, 3, 4, 6, 11, 12):
            numbers = device.decode(dict.fromkeys(self.reads(device), code))
            assert not any(isinstance(v, int) and BY_KEY[k].unit for k, v in numbers.items())

    @pytest.mark.parametrize("fill", [0x0000, 0x0001, 0x7FFF, 0x8000, 0xFFFF, 0x7FC0])
    def test_whatever_comes_is_a_lawful_reading_or_none(self, device: Device, fill: int) -> None:
        replies: Replies = {
            r: tuple(fill & 1 if r.space in ("coil", "discrete") else fill for _ in range(r.count))
            for r in self.reads(device)
        }
        for key, value in device.decode(replies).items():
            quantity = BY_KEY[key]
            assert isinstance(value, str if quantity.kind == "text" else int), key
            if quantity.kind == "flag":
                assert value in (0, 1), key

    def test_a_short_answer_is_no_answer(self, device: Device) -> None:
        for read in self.reads(device):
            short = {read: (1,) * (read.count - 1)}
            device.decode(short)  # raises nothing

    def test_reads_keep_to_what_the_device_bears(self, device: Device) -> None:
        limits = device.table.limits
        for read in self.reads(device) + device.identify():
            if read.space in ("holding", "input"):
                assert read.count <= min(limits.read_max, 125)
                assert not (limits.even and read.count % 2)
            assert read.address + read.count <= 0x10000

    def test_a_refused_block_is_read_in_small_pieces(self, device: Device) -> None:
        for read in self.reads(device):
            device.refuse(read)
        keys = {p.key for p in device.table.points if p.group.every != "once" and not p.group.optional}
        pieces = self.reads(device)
        covered = {
            p.point.key for p in device._placed() for r in pieces
            if (r.unit, r.space) == (p.unit, p.point.group.space)
            and r.address <= p.address and p.address + p.point.type.count <= r.end
        }  # fmt: skip
        here = {p.point.key for p in device._placed()}
        assert keys & here <= covered
        limits = device.table.limits
        biggest = max(p.type.count for p in device.table.points)
        assert all(r.count <= biggest + (1 if limits.even else 0) for r in pieces)

    def test_its_sources_and_doubts_are_said(self, device: Device) -> None:
        assert device.table.source and all(len(s) > 5 for s in device.table.source)
        assert device.table.confidence in ("high", "medium")
        assert device.table.caveats
