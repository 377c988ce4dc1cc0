"""Frames: the bytes that ask a question, and which bytes are the answer to it.  No port, no clock.

Rule 1: an answer is believed only if unit, function, size and checksum are those of the question;
        on TCP also the transaction.  pymodbus builds the frames and the checksums; it believes
        answers that we do not (wrong function, wrong count, transaction 0, the answer before).
Rule 2: find() is given all bytes since the question and may be asked again as more arrive.
Rule 3: nothing here waits.  edge/shell/modbus.py has the port and the patience.

Source: Modbus Application Protocol V1.1b3, §6; Messaging on TCP/IP V1.0b, §3.1; Serial Line V1.02, §2.5.
"""

import struct
from binascii import a2b_hex
from typing import Literal, NamedTuple, Protocol

from pymodbus.framer import FramerAscii, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from drivers.wire import Read, Words, Write

WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
READS = (1, 2, 3, 4)
BITS = (1, 2)

# Not used to believe answers, but the framers of pymodbus want one.
_DECODER = DecodePDU(False)


Question = Read | Write


def pdu_of(question: Question) -> bytes:
    """Return function and data as sent.  Raises ValueError if it cannot be asked."""
    function, address = question.function, question.address
    if not 0 <= address <= 0xFFFF or not 0 <= question.unit <= 0xFF:
        raise ValueError(f"unit {question.unit}, address {address}: outside of what Modbus can say")
    if isinstance(question, Read):
        most = 2000 if function in BITS else 125
        if not 1 <= question.count <= most:
            raise ValueError(f"function {function} reads 1 to {most} at once, not {question.count}")
        return struct.pack(">BHH", function, address, question.count)
    words = question.words
    n = len(words)
    if function == WRITE_COIL and n == 1:
        return struct.pack(">BHH", function, address, 0xFF00 if words[0] else 0)
    if function == WRITE_REGISTER and n == 1:
        return struct.pack(">BHH", function, address, words[0])
    if function == WRITE_REGISTERS and 1 <= n <= 123:
        return struct.pack(f">BHHB{n}H", function, address, n, 2 * n, *words)
    if function == WRITE_COILS and 1 <= n <= 1968:
        size = (n + 7) // 8
        packed = sum(1 << i for i, on in enumerate(words) if on).to_bytes(size, "little")
        return struct.pack(">BHHB", function, address, n, size) + packed
    raise ValueError(f"function {function} with {n} values cannot be asked")


def answer_of(question: Question) -> tuple[bytes, int]:
    """Return how a good answer's function and data begin, and how long they are in all."""
    if isinstance(question, Read):
        size = (question.count + 7) // 8 if question.function in BITS else 2 * question.count
        return bytes((question.function, size)), 2 + size
    return pdu_of(question)[:5], 5  # a write is answered with its function, address, and value or count


def words_of(question: Question, answer: bytes) -> Words:
    """Return the registers or bits of a good answer; () for a write."""
    if isinstance(question, Write):
        return ()
    if question.function in BITS:
        bits = int.from_bytes(answer[2:], "little")
        return tuple(bits >> i & 1 for i in range(question.count))
    return struct.unpack_from(f">{question.count}H", answer, 2)


Kind = Literal["tcp", "rtu", "ascii"]


class Found(NamedTuple):
    """An answer in a buffer.  code: 0, or the Modbus exception; answer: function and data.

    used: bytes up to its end.  strays: frames or bytes before it that were not the answer.
    """

    answer: bytes
    code: int
    used: int
    strays: int


class OutOfStep(Exception):
    """The stream is no longer at the start of a frame and cannot be brought back: close it."""


class Framing(Protocol):
    """How a question becomes bytes, and how its answer is told from everything else."""

    kind: Kind
    serial: bool

    def frame(self, question: Question, transaction: int) -> bytes: ...

    def find(self, buffer: bytes, question: Question, transaction: int) -> Found | None: ...

    def frames(self, buffer: bytes) -> list[tuple[int, bytes]]:
        """Return (unit, function and data) of every whole frame in a buffer, whoever sent it."""

    def chars(self, pdu_size: int) -> int:
        """Return how many characters a frame with so many bytes of function and data takes."""

    def refusal_mark(self, question: Question) -> bytes:
        """Return what every refusal of a question has in it; empty where that is not worth looking for."""


def _fits(pdu: bytes, question: Question) -> Found | None:
    """Return what a whole, sound frame of the right unit says, or None if it answers something else."""
    start, size = answer_of(question)
    if len(pdu) == size and pdu.startswith(start):
        return Found(pdu, 0, 0, 0)
    if len(pdu) == 2 and pdu[0] == question.function | 0x80:
        return Found(pdu, pdu[1], 0, 0)
    return None


class Tcp:
    """MBAP header, then function and data.  Transactions tell a late answer from ours."""

    kind: Kind = "tcp"
    serial = False

    def __init__(self) -> None:
        self._framer = FramerSocket(_DECODER)

    def frame(self, question: Question, transaction: int) -> bytes:
        return self._framer.encode(pdu_of(question), question.unit, transaction)

    def find(self, buffer: bytes, question: Question, transaction: int) -> Found | None:
        """Return the answer, or None while it is not there.  Raises OutOfStep."""
        at = strays = 0
        while len(buffer) - at >= 8:
            tid, protocol, length, unit = struct.unpack_from(">HHHB", buffer, at)
            if protocol != 0 or not 3 <= length <= 254:
                raise OutOfStep(f"no Modbus TCP header: {buffer[at : at + 8].hex(' ')}")
            end = at + 6 + length
            if len(buffer) < end:
                return None
            if tid == transaction and unit == question.unit:
                found = _fits(buffer[at + 7 : end], question)
                if found:
                    return found._replace(used=end, strays=strays)
            at, strays = end, strays + 1
        return None

    def frames(self, buffer: bytes) -> list[tuple[int, bytes]]:
        found, at = [], 0
        while len(buffer) - at >= 8:
            length = int.from_bytes(buffer[at + 4 : at + 6], "big")
            if buffer[at + 2 : at + 4] != b"\0\0" or not 2 <= length <= 254:
                break
            found.append((buffer[at + 6], buffer[at + 7 : at + 6 + length]))
            at += 6 + length
        return found

    def chars(self, pdu_size: int) -> int:
        return 7 + pdu_size

    def refusal_mark(self, question: Question) -> bytes:
        return bytes((question.function | 0x80,))


class Rtu:
    """Unit, function and data, checksum; frames are told apart by silence, which no driver passes on.

    So the answer is looked for at every byte: what is before it (echo, noise, half of a late answer)
    does not hide it, and its known size saves checking sums at every byte that comes in.
    """

    kind: Kind = "rtu"
    serial = True

    def __init__(self) -> None:
        self._framer = FramerRTU(_DECODER)

    def frame(self, question: Question, transaction: int) -> bytes:
        return self._framer.encode(pdu_of(question), question.unit, transaction)

    def find(self, buffer: bytes, question: Question, transaction: int) -> Found | None:
        start, size = answer_of(question)
        good = bytes((question.unit,)) + start
        refusal = bytes((question.unit, question.function | 0x80))
        for head, length in ((good, size + 3), (refusal, 5)):
            at = buffer.find(head)
            while 0 <= at <= len(buffer) - length:
                if self._sound(buffer[at : at + length]):
                    answer = buffer[at + 1 : at + length - 2]
                    code = answer[1] if head is refusal else 0
                    return Found(answer, code, at + length, 1 if at else 0)
                at = buffer.find(head, at + 1)
        return None

    def frames(self, buffer: bytes) -> list[tuple[int, bytes]]:
        """Find frames by their checksum: anything of 4 to 256 bytes whose sum is right."""
        found, at = [], 0
        while at <= len(buffer) - 4:
            end = next((e for e in self._ends(buffer, at) if self._sound(buffer[at:e])), 0)
            if end:
                found.append((buffer[at], buffer[at + 1 : end - 2]))
            at = end or at + 1
        return found

    def chars(self, pdu_size: int) -> int:
        return 3 + pdu_size

    def refusal_mark(self, question: Question) -> bytes:
        return bytes((question.function | 0x80,))

    @staticmethod
    def _ends(buffer: bytes, at: int) -> list[int]:
        """Return where a frame that begins at `at` may end, as request or as answer."""
        function, third = buffer[at + 1], buffer[at + 2]
        if function & 0x80:
            sizes = [5]
        elif function in READS:
            sizes = [5 + third, 8]
        elif function in (WRITE_COILS, WRITE_REGISTERS):
            sizes = [8, 9 + buffer[at + 6]] if len(buffer) > at + 6 else [8]
        else:
            sizes = [8]
        return [at + size for size in sizes if at + size <= len(buffer)]

    @staticmethod
    def _sound(frame: bytes) -> bool:
        return FramerRTU.compute_CRC(frame[:-2]) == frame[-2] << 8 | frame[-1]


class Ascii:
    """ ":", unit, function, data and checksum in hex, CR LF.  Some answer with ">" instead of ":".

    Source of ">": ABL eMH1, as read in matfroh/abl_emh1_modbus.
    """

    kind: Kind = "ascii"
    serial = True

    def __init__(self) -> None:
        self._framer = FramerAscii(_DECODER)

    def frame(self, question: Question, transaction: int) -> bytes:
        return self._framer.encode(pdu_of(question), question.unit, transaction)

    def find(self, buffer: bytes, question: Question, transaction: int) -> Found | None:
        at = strays = 0
        while (end := buffer.find(b"\n", at)) >= 0:
            message = self._message(buffer[at:end])
            if message and message[0] == question.unit:
                found = _fits(message[1:], question)
                if found:
                    return found._replace(used=end + 1, strays=strays)
            at, strays = end + 1, strays + 1
        return None

    def frames(self, buffer: bytes) -> list[tuple[int, bytes]]:
        messages = (self._message(line) for line in buffer.split(b"\n"))
        return [(m[0], m[1:]) for m in messages if m]

    def chars(self, pdu_size: int) -> int:
        return 2 * (pdu_size + 2) + 3

    def refusal_mark(self, question: Question) -> bytes:
        return b""

    @staticmethod
    def _message(line: bytes) -> bytes | None:
        """Return unit, function and data of one line, or None if it is not a sound frame."""
        start = max(line.rfind(b":"), line.rfind(b">"))
        try:
            message = a2b_hex(line[start + 1 :].rstrip(b"\r"))
        except ValueError:
            return None
        if start < 0 or len(message) < 4 or FramerAscii.compute_LRC(message[:-1]) != message[-1]:
            return None
        return message[:-1]
