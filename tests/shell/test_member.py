"""What a device on a bus is due, and when: stories without a line and without waiting."""

import asyncio

import pytest

from drivers import library
from drivers.device import Device
from drivers.wire import Read, Write
from edge.shell import ports
from edge.shell.bus import Master
from edge.shell.clock import Clock
from edge.shell.member import Member, Rank, Round, Told
from tests.fakes import families


def replies(device: Device, registers: dict[int, dict[int, int]]) -> dict[Read, tuple[int, ...]]:
    found: dict[Read, tuple[int, ...]] = {}
    while reads := device.identify(found):
        for read in reads:
            memory = registers[read.unit]
            found[read] = tuple(memory.get(read.address + n, 0) for n in range(read.count))
    return found


def served(driver: str, registers: dict[int, dict[int, int]], now_ms: int = 1_000, **more) -> Member:
    """Return a member that was just recognised and armed."""
    member = Member("bay-1", Device(library.load(driver), 1), charger=True, **{"fallback_ma": 6_000, **more})
    member.device.recognise(replies(member.device, registers))
    member.found(now_ms)
    member.arming = []
    return member


def alfen(**more) -> Member:
    socket, station = families.alfen()
    return served("alfen_eve", {1: socket.registers, 200: station.registers}, **more)


def heidelberg(**more) -> Member:
    return served("heidelberg_energy_control", {1: families.heidelberg().registers}, **more)


def due(member: Member, now_ms: int, *ranks: Rank) -> dict[Rank, int]:
    wanted = ranks or (Rank.REDUCE, Rank.WRITE, Rank.FEED)
    return {task.rank: task.at_ms for task in member.tasks(now_ms, 0) if task.rank in wanted}


def told(member: Member, current_ma: int, now_ms: int, valid_ms: int = 10_000) -> None:
    member.told = Told(current_ma, now_ms + valid_ms, now_ms)


def test_nothing_but_looking_is_due_before_it_is_recognised():
    member = Member("bay-1", Device(library.load("alfen_eve"), 1), charger=True)
    told(member, 16_000, 0)
    assert [task.rank for task in member.tasks(0, 0)] == [Rank.IDENTIFY]


def test_the_first_setpoint_counts_as_a_reduction():
    """Nobody knows what an earlier life has told it."""
    member = alfen()
    assert due(member, 1_000) == {}
    told(member, 16_000, 1_000)
    assert Rank.REDUCE in due(member, 1_000)


def test_up_waits_for_what_the_device_bears_and_down_does_not():
    member = heidelberg()  # no two changes within 20 s
    told(member, 10_000, 1_000)
    member.wrote(1_000, 10_000)
    told(member, 12_000, 2_000)
    assert due(member, 2_000) == {Rank.WRITE: 21_000}
    told(member, 8_000, 2_000)
    assert due(member, 2_000)[Rank.REDUCE] <= 2_000


def test_a_setpoint_is_refreshed_in_half_of_its_validity_until_it_expires():
    member = alfen(supervision_ms=8_000)
    told(member, 16_000, 1_000, valid_ms=10_000)
    member.wrote(1_000, 16_000)
    assert due(member, 2_000) == {Rank.FEED: 5_000}
    member.fed(5_100)
    assert due(member, 5_200) == {Rank.FEED: 9_100}
    assert due(member, 11_000) == {}, "expired: the device is left to fall back (I4)"


def test_a_validity_that_the_device_tells_counts():
    member = alfen(supervision_ms=60_000)
    told(member, 16_000, 1_000, valid_ms=100_000)
    member.wrote(1_000, 16_000)
    member.read(2_000, {"supervision_time_ms": 10_000}, 1_500)
    assert due(member, 2_000) == {Rank.FEED: 6_000}


@pytest.mark.parametrize(("in_force", "goal"), [(16_000, 6_000), (6_000, 6_000), (0, 0), (None, 6_000)])
def test_where_reading_feeds_the_watchdog_expiry_lowers_to_the_fallback_and_never_raises(in_force, goal):
    member = heidelberg()
    told(member, 16_000, 1_000, valid_ms=1_000)
    member.written_ma = in_force
    assert member.goal(1_500) == 16_000
    assert member.goal(2_000) == goal


def test_after_expiry_nothing_is_fed_even_where_the_fallback_is_in_force():
    member = heidelberg()
    told(member, 6_000, 1_000, valid_ms=1_000)
    member.wrote(1_000, 6_000)
    assert due(member, 1_500) == {Rank.FEED: 8_500}, "half of 15 s after it heard us last"
    assert due(member, 2_000) == {}


def test_a_charger_that_nobody_tells_anything_gets_its_fallback_after_a_while():
    member = heidelberg()
    assert member.goal(10_999) is None
    assert member.goal(11_000) == 6_000
    assert alfen().goal(60_000) is None, "an Alfen falls back by itself"


def test_what_reads_back_differently_is_written_again_more_and_more_rarely():
    member = alfen()
    told(member, 16_000, 0, valid_ms=10**9)
    now_ms, waits = 1_000, []
    for _ in range(9):
        member.wrote(now_ms, 16_000)
        wrote_ms = now_ms
        while member.written_ma is not None:
            now_ms += 500
            member.read(now_ms, {"setpoint_ma": 6_000}, now_ms - 100)
        waits.append(now_ms - wrote_ms)
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    member.wrote(now_ms, 16_000)
    member.read(now_ms + 500, {"setpoint_ma": 16_000}, now_ms + 400)
    member.read(now_ms + 2_000, {"setpoint_ma": 6_000}, now_ms + 1_900)
    assert member.written_ma is None, "agreement in between starts anew"


def test_a_reading_that_began_before_the_write_says_nothing_about_it():
    member = alfen()
    told(member, 16_000, 0, valid_ms=10**9)
    member.wrote(5_000, 16_000)
    member.read(9_000, {"setpoint_ma": 6_000}, began_ms=4_990)
    assert member.written_ma == 16_000


def test_the_third_failure_in_a_row_loses_it_and_what_was_learned():
    member = alfen()
    assert [member.failed(1_000), member.failed(2_000)] == [False, False]
    member.read(2_500, {}, 2_400)
    assert [member.failed(3_000), member.failed(4_000), member.failed(5_000)] == [False, False, True]
    assert not member.device.recognised
    assert member.written_ma is None
    waits = []
    for now_ms in range(10_000, 100_000, 10_000):
        member.failed(now_ms)
        waits.append(member.look_after_ms - now_ms)
    assert waits == [8_000] + [10_000] * 8


def test_what_the_device_bears_is_kept():
    member = Member("bay-1", Device(library.load("keba_kecontact_p30"), 255), charger=True)
    pacing = member.pacing
    assert pacing.read_every_ms >= 500, "KEBA: at most one read in half a second"
    member.asked(1_000, Read(255, "holding", 1000, 2))
    assert member.tasks(1_000, 0)[0].at_ms == 1_000 + pacing.read_every_ms


def test_what_was_begun_is_finished_before_another_of_the_same_age():
    first, second = alfen(), alfen()
    first.fast = Round([Read(1, "holding", 1200, 16)], due_ms=5_000, began_ms=5_010)
    first.pace.ask_after_ms = 5_030
    one = next(t for t in first.tasks(5_040, 5_000) if t.rank is Rank.FAST)
    other = next(t for t in second.tasks(5_040, 5_000) if t.rank is Rank.FAST)
    assert one < other


def test_what_a_meter_keeps_is_armed_where_it_differs_and_written_once_a_run():
    """I9: an EM24 E1 has its full map in application H (7) only; that setting is in memory that wears out."""
    meter = Member("grid", Device(library.load("carlo_gavazzi_em24_e1"), 1), charger=False)
    registers = {1: {0x000B: 1648, 0xA000: 2}}  # an EM24, with another application
    meter.device.recognise(replies(meter.device, registers))
    meter.found(1_000)
    (write,) = meter.arming
    assert (write.address, write.words, write.volatile) == (0xA000, (7,), False)
    assert not meter.device.allowed(write)  # never in the course of business
    assert meter.device.allowed(write, commissioning=True)
    master = Master(ports.tcp("127.0.0.1", 1), [meter], lambda event: None, Clock())
    written: list[Write] = []

    async def ask(member: Member, question: Write) -> tuple[int, ...]:
        written.append(question)
        return ()

    master._ask = ask
    asyncio.run(master._arm(meter))
    meter.arm(2_000)  # it was gone, and is back with what it had: a device that does not keep its settings
    asyncio.run(master._arm(meter))
    assert written == [write]
    assert meter.arming == []


@pytest.mark.parametrize(
    ("fallback_ma", "shown_ma", "again"), [(0, 6_000, True), (0, 0, False), (6_050, 6_000, False)]
)
def test_a_fallback_that_reads_back_differently_is_armed_again(fallback_ma, shown_ma, again):
    """I4: 0 A too; 6.05 A become 6.0 A in a Heidelberg, and that is as it should be."""
    member = heidelberg(fallback_ma=fallback_ma)
    member.read(16_000, {"fallback_ma": shown_ma}, 15_900)
    assert bool(member.arming) is again


def test_a_pause_that_has_its_own_register_reads_as_a_setpoint_of_0():
    """go-e: `allow` pauses, the ampere register stays at 16; its room must come free all the same."""
    member = Member("bay-1", Device(library.load("goe_charger"), 1), charger=True)
    shown = {"setpoint_ma": 16_000, "enabled": 0}
    assert member.in_force(shown)["setpoint_ma"] == 16_000, "nobody has paused it by our word"
    member.written_ma = 0
    assert member.in_force(shown)["setpoint_ma"] == 0
    assert member.in_force({**shown, "enabled": 1})["setpoint_ma"] == 16_000, "the pause did not take"
    member.values["enabled"] = 1
    assert member.in_force({"setpoint_ma": 16_000})["setpoint_ma"] == 16_000
    other = alfen()
    other.written_ma = 0
    assert other.in_force(shown)["setpoint_ma"] == 16_000, "an Alfen pauses in the register itself"


def test_where_nothing_supervises_us_expiry_lowers_to_the_fallback():
    """I4: a go-e keeps its setpoint for ever; only our own word brings it down."""
    member = Member("bay-1", Device(library.load("goe_charger"), 1), charger=True, fallback_ma=6_000)
    told(member, 16_000, 1_000, valid_ms=1_000)
    member.written_ma = 16_000
    assert member.goal(1_999) == 16_000
    assert member.goal(2_000) == 6_000


def quasar(**more) -> Member:
    registers = {81: 1, 82: 0, 83: 1, 514: 7_400, 537: 11}
    return served("wallbox_quasar", {1: registers}, **more)


def test_more_discharge_is_a_reduction_and_less_is_not():
    member = quasar()
    told(member, -10_000, 1_000)
    member.wrote(1_000, -10_000)
    told(member, -16_000, 2_000)
    assert Rank.REDUCE in due(member, 2_000)
    told(member, -8_000, 2_000)
    assert Rank.WRITE in due(member, 2_000)
    told(member, 0, 2_000)
    assert Rank.WRITE in due(member, 2_000)


def test_a_discharge_that_nobody_asks_for_any_more_ends():
    """I4: the core has gone quiet; nothing is taken out of a vehicle on the word of the past."""
    member = quasar()
    told(member, -16_000, 1_000, valid_ms=10_000)
    member.wrote(1_000, -16_000)
    assert member.goal(10_999) == -16_000
    assert member.goal(11_000) == 0
