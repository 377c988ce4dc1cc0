"""The devices that need a sequence before their registers can be read.  Expect few.

A sequence gets the unit and the replies so far.  It returns the reads that it still needs (none when
it is done) and where it found the blocks that rows of a table refer to by `models`.
"""

from collections.abc import Callable

from drivers.wire import Read, Replies

Bases = dict[int, int]
Sequence = Callable[[int, Replies], tuple[list[Read], Bases]]

_SUNS = (0x5375, 0x6E53)
_SUNSPEC_STARTS = (40_000, 0, 50_000)
_SUNSPEC_END = 0xFFFF
_MODELS_MAX = 50  # a walk that never ends is a broken device


def sunspec(unit: int, replies: Replies) -> tuple[list[Read], Bases]:
    """Find "SunS", then walk from model to model: id, length, then that many registers.

    The base of a model is the address of its id.
    Source: SunSpec Device Information Model Specification 1.1, 6.2.
    """
    for start in _SUNSPEC_STARTS:
        marker = Read(unit, "holding", start, 2)
        if marker not in replies:
            return [marker], {}
        if replies[marker] == _SUNS:
            return _walk(unit, start + 2, replies)
    return [], {}


def _walk(unit: int, address: int, replies: Replies) -> tuple[list[Read], Bases]:
    bases: Bases = {}
    for _ in range(_MODELS_MAX):
        header = Read(unit, "holding", address, 2)
        if header not in replies:
            return [header], {}
        reply = replies[header]
        if isinstance(reply, int) or len(reply) < 2 or reply[0] == _SUNSPEC_END:
            break
        bases.setdefault(reply[0], address)
        address += 2 + reply[1]
        if address > 0xFFFF - 2:
            break
    return [], bases


SEQUENCES: dict[str, Sequence] = {"sunspec": sunspec}
