"""The wire against servers that others wrote: pymodbus, on TCP and on two ends of a paced line.

(mbpoll and libmodbus ask the simulated devices in tests/sim; here we are the one who asks.)
"""

import asyncio
import threading

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.wire import Read, Write
from edge.model.site import Line
from edge.shell.modbus import Wire
from edge.shell.outcome import Refused
from edge.shell.ports import serial_line, tcp
from edge.sim.line import PacedLine


def device() -> SimDevice:
    values = [
        SimData(0, count=20, values=7, datatype=DataType.REGISTERS),
        SimData(30, values=230.5, datatype=DataType.FLOAT32),
    ]
    return SimDevice(id=1, simdata=values)


async def talk(wire: Wire) -> None:
    await wire.open()
    assert await wire.ask(Read(1, "holding", 0, 20), 2_000) == (7,) * 20
    assert await wire.ask(Read(1, "input", 30, 2), 2_000) == (0x4366, 0x8000)
    assert await wire.ask(Write(1, 16, 3, (1, 2)), 2_000) == ()
    assert await wire.ask(Write(1, 6, 5, (3,)), 2_000) == ()
    assert await wire.ask(Read(1, "holding", 2, 5), 2_000) == (7, 1, 2, 3, 7)
    with pytest.raises(Refused) as refusal:
        await wire.ask(Read(1, "holding", 100, 1), 2_000)
    assert refusal.value.code == 2
    wire.close()


def test_pymodbus_server_on_tcp():
    async def story() -> None:
        server = ModbusTcpServer([device()], address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        port = server.transport.sockets[0].getsockname()[1]
        await talk(tcp("127.0.0.1", port))
        await server.shutdown()

    asyncio.run(story())


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_pymodbus_server_on_a_paced_line(framing):
    line = PacedLine(19200, "8N1")
    ours, theirs = line.end(), line.end()
    thread = threading.Thread(target=line.run, daemon=True)
    thread.start()

    async def story() -> None:
        server = ModbusSerialServer([device()], framer=FramerType(framing), port=theirs, baudrate=19200)
        await server.serve_forever(background=True)
        await talk(serial_line(Line("a", ours, format="8N1", framing=framing), physical=True))
        await server.shutdown()

    asyncio.run(story())
    line.stop()
    thread.join(5)
    assert line.counted.collisions == 0
