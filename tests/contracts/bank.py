"""A register bank that answers as a golden file shows: the device of the contracts.

It knows the registers of the file's first identify section and first look.  Reads of registers that the
file does not name between those that it does give zeros; reads of nothing it knows are refused, and so
are odd counts, gaps and single values where the head says so.
"""

from drivers.device import Device
from drivers.wire import Read, Reply
from tests.drivers.golden import Golden


class Bank:
    """Registers by unit, space and address."""

    def __init__(self, file: Golden) -> None:
        self.registers: dict[tuple[int, str, int], int] = {}
        self.refused: set[tuple[int, str, int]] = set()
        self.exact: dict[Read, Reply] = {}
        self.rules = file.head.get("refuses", "").split()
        for title in ("identify", "read"):
            part = next(p for p in file.parts if p.title == title)
            self.exact |= part.replies
            for read, reply in part.replies.items():
                for n in range(read.count):
                    where = (read.unit, read.space, read.address + n)
                    if isinstance(reply, int):
                        self.refused.add(where)
                    else:
                        self.registers[where] = reply[n]

    def answer(self, read: Read) -> Reply:
        """Answer one read: words, or exception 2.  What the file shows is answered as it shows it."""
        if read in self.exact:
            return self.exact[read]
        places = [(read.unit, read.space, read.address + n) for n in range(read.count)]
        known = [place in self.registers for place in places]
        if not any(known) or any(place in self.refused for place in places):
            return 2
        if "gaps" in self.rules and not all(known):
            return 2
        if "odd" in self.rules and read.count % 2:
            return 2
        if any(rule.isdigit() and read.count > int(rule) for rule in self.rules):
            return 2
        return tuple(self.registers.get(place, 0) for place in places)

    def recognise(self, device: Device) -> dict[str, int | str]:
        """Do what the bus master does: read until nothing more is asked for, then recognise."""
        replies: dict[Read, Reply] = {}
        for _ in range(60):
            asked = device.identify(replies)
            if not asked:
                return device.recognise(replies)
            replies |= {read: self.answer(read) for read in asked}
        raise AssertionError("it asks for ever")

    def look(self, device: Device) -> dict[Read, Reply]:
        """Read all polls, a refused block in small pieces."""
        for _ in range(60):
            replies = {read: self.answer(read) for poll in device.polls() for read in poll.reads}
            changed = [device.refuse(read) for read, reply in replies.items() if isinstance(reply, int)]
            if not any(changed):
                return replies
        raise AssertionError("its polls never settle")
