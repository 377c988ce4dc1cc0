"""Golden exchanges: bytes to readings, and orders to bytes, for every family."""

import pytest

from drivers import library
from drivers.wire import Write
from tests.drivers import golden


def test_every_family_has_golden_exchanges() -> None:
    assert golden.names() == library.names()


@pytest.mark.parametrize("name", golden.names())
def test_bytes_become_the_readings_that_the_manual_says(name: str) -> None:
    file = golden.load(name)
    titles = [part.title for part in file.parts]
    assert file.head["source"].split()[0] in ("composed", "manual", "recorded"), (
        "say where the bytes come from"
    )
    assert "identify" in titles and "read" in titles
    device = file.device(recognised=False)
    for part in file.parts:
        where = f"{name}.txt:{part.line}"
        if part.title == "identify":
            seen = device.recognise(part.replies)
        elif part.title == "read":
            seen = device.decode(part.replies)
        else:
            continue
        assert {k: seen.get(k) for k in part.readings} == part.readings, where
        assert not set(part.absent) & set(seen), where


@pytest.mark.parametrize("name", golden.names())
def test_orders_become_the_bytes_that_the_manual_says(name: str) -> None:
    file = golden.load(name)
    device = file.device()
    seen: dict[str, int | str] = {}
    for part in file.parts:
        if part.title == "read":
            seen = device.decode(part.replies)
        if not part.title.startswith("write "):
            continue
        call, *numbers = part.title.split()[1:]
        with_seen = call.endswith("+seen")
        method = getattr(device, call.removesuffix("+seen"))
        arguments = [int(n) for n in numbers]
        orders = method(*arguments, seen) if with_seen else method(*arguments)
        made = [Write(o.unit, o.function, o.address, o.words) for o in orders if isinstance(o, Write)]
        assert made == part.writes, f"{name}.txt:{part.line} {part.title}"


def test_the_crc_of_the_golden_files_is_the_crc_of_the_specification() -> None:
    # Modbus over Serial Line V1.02, 6.2.2: the CRC of 02 07 is 41 12 (low byte first on the wire).
    assert golden.crc(bytes.fromhex("02 07")) == bytes.fromhex("41 12")
