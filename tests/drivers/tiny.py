"""Small device tables for tests: a head that is valid, and what the test is about."""

from drivers.device import Device
from drivers.parse import table
from drivers.table import Table
from drivers.wire import Read, Reply, Space, Words

TOP = """
kind = "{kind}"
vendor = "Example"
model = "Tiny"
confidence = "high"
source = ["Example Corp: manual, table 1"]
{top}
[[transport]]
type = "{transport}"
[identify]
expect = ["x_id == 7"{expect}]
{identify}
[[read]]
space = "holding"
every = "once"
single = true
registers = [[9000, "u16", "x_id"], {once}]
"""

CONTROL = """
[write]
registers = [
  [100, "u16", "current", "0.1 A", {function = 6, accepts = "0, 6..32"}],
]
[control]
min = "6 A"
max = "32 A"
step = "0.1 A"
zero = "pauses"
set = [["current", "current"]]
pause = [["current", 0]]
"""


def text(
    body: str = "",
    *,
    top: str = "",
    once: str = "",
    identify: str = "",
    kind: str = "",
    transport: str = "tcp",
    expect: str = "",
) -> str:
    """Return a whole table.  kind: a charger if the body says how it is controlled, else a meter."""
    kind = kind or ("charger" if "[control]" in body else "meter")
    return (
        TOP.format(kind=kind, top=top, once=once, identify=identify, transport=transport, expect=expect)
        + body
    )


def tiny(body: str = "", **more: str) -> Table:
    """Read such a table."""
    return table("tiny", text(body, **more))


def recognised(
    body: str = "",
    known: dict[int, Words] | None = None,
    unit: int = 1,
    connector: int = 1,
    phases: int = 3,
    **more: str,
) -> Device:
    """Make a recognised device.  known: registers that are read once, by address."""
    device = Device(tiny(body, **more), unit, connector=connector, phases=phases)
    replies: dict[Read, Reply] = {}
    for read in device.identify():
        replies[read] = {9000: (7,), **(known or {})}.get(read.address, 2)
    device.recognise(replies)
    return device


def rows(*lines: str, space: Space = "holding", every: str = "fast", more: str = "") -> str:
    """Return a [[read]] with some rows."""
    return f'[[read]]\nspace = "{space}"\nevery = "{every}"\n{more}\nregisters = [{", ".join(lines)}]\n'


def look(device: Device, registers: dict[int, int], unit: int = 1) -> dict[str, int | str]:
    """Answer the device's own polls from some registers and decode that; private points included."""
    replies: dict[Read, Reply] = {}
    for poll in device.polls():
        for read in poll.reads:
            if read.unit == unit:
                replies[read] = tuple(registers.get(read.address + n, 0) for n in range(read.count))
    return device.raw(replies)
