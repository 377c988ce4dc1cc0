# Take Modbus RTU requests apart and put answers together.  No line and no clock in here: main.py
# feeds bytes, and says when the line has been quiet for 3.5 characters.
# Source: MODBUS Application Protocol V1.1b3 (functions, order of exceptions), MODBUS over Serial
# Line V1.02 (CRC, frame end by silence, broadcast).
#
# Rule 1: a frame is all that came between two silences; a stray byte on either end spoils it.
# Rule 2: nothing is written unless the whole request may be.
# Rule 3: a broadcast is counted and never obeyed (registers.md): silence is safer than a stranger's order.
# Rule 4: no allocation: buffers are made once.
#
# What is served is a Served (points.py, or a test's own).

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3

MOST_BYTES = 256
_TABLE = bytearray(512)  # CRC-16/MODBUS: high bytes, then low bytes


def _fill() -> None:
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        _TABLE[index] = crc >> 8
        _TABLE[256 + index] = crc & 0xFF


_fill()


def crc16(data: bytearray, start: int, end: int, crc: int) -> int:
    # Continue a CRC (0xFFFF at the start) over data[start:end]; over a good frame with its CRC it gives 0.
    table = _TABLE
    for index in range(start, end):
        at = (crc ^ data[index]) & 0xFF
        crc = (crc >> 8) ^ (table[at] << 8 | table[256 + at])
    return crc


class Served:
    # Registers and bits behind a server; this one has none.
    objects: "tuple[tuple[int, bytes], ...]" = ()  # (id, value) of 43/14, ids ascending

    def holds(self, function: int, first: int, count: int) -> bool:
        # Return whether these addresses are all there for a function.
        return False

    def read(self, function: int, address: int) -> int:
        # Return a bit or a word (the low 16 bits are meant).
        return 0

    def check(self, function: int, address: int, value: int, count: int) -> int:
        # Return the exception that writing this value, in a request of count, would be; 0 for none.
        return ILLEGAL_ADDRESS

    def write(self, function: int, address: int, value: int) -> None:
        # Write one value that check() has passed.
        pass

    def done(self, function: int, address: int, count: int) -> int:
        # Do what a request means as a whole; return an exception or 0.
        return 0


class Server:
    def __init__(self, unit: int) -> None:
        self.unit = unit
        self.points = Served()
        self.answer = bytearray(MOST_BYTES)
        self.answered = 0
        self.bad_frames = 0
        self.others = 0
        self.exceptions = 0
        self.thrown_away = 0
        self.broadcasts = 0
        self.busy = False  # a frame is coming in
        self.pending = 0  # bytes of it
        self._rx = bytearray(MOST_BYTES)
        self._crc = 0xFFFF
        self._too_long = False

    def feed(self, data: bytearray, count: int) -> None:
        # Take bytes of a frame as they come; the CRC goes along, so that the end is short work.
        self.busy = True
        for index in range(count):
            if self.pending < MOST_BYTES:
                self._rx[self.pending] = data[index]
                self.pending += 1
            else:
                self._too_long = True
                self.thrown_away = (self.thrown_away + 1) & 0x3FFFFFFF
        if not self._too_long:
            self._crc = crc16(data, 0, count, self._crc)

    def end(self) -> int:
        # End the frame, the line having been quiet; return how many bytes of `answer` to send, 0 for none.
        count = self.pending
        good = count >= 4 and self._crc == 0 and not self._too_long
        self.busy = False
        self.pending = 0
        self._crc = 0xFFFF
        self._too_long = False
        if not good:
            self.bad_frames = (self.bad_frames + 1) & 0x3FFFFFFF
            return 0
        if self._rx[0] == 0:
            self.broadcasts = min(self.broadcasts + 1, 0xFFFF)
            return 0
        if self._rx[0] != self.unit:
            self.others = (self.others + 1) & 0x3FFFFFFF
            return 0
        length = self._dispatch(count - 2)
        if length == 0:
            self.bad_frames = (self.bad_frames + 1) & 0x3FFFFFFF
            return 0
        self.answered = (self.answered + 1) & 0x3FFFFFFF
        crc = crc16(self.answer, 0, length, 0xFFFF)
        self.answer[length] = crc & 0xFF
        self.answer[length + 1] = crc >> 8
        return length + 2

    def _dispatch(self, count: int) -> int:
        # Answer a request of count bytes without its CRC; return the answer's length, 0 for a wrong length.
        rx = self._rx
        function = rx[1]
        self.answer[0] = self.unit
        self.answer[1] = function
        if 1 <= function <= 6:
            if count != 6:
                return 0
            if function <= 2:
                return self._read_bits(function)
            if function <= 4:
                return self._read_words(function)
            return self._write_one(function)
        if function in (15, 16):
            if count < 7:
                return 0
            if count != 7 + rx[6]:
                return self._except(ILLEGAL_VALUE)
            return self._write_many(function)
        if function == 43 and count >= 3 and rx[2] == 14:
            return self._identify() if count == 5 else 0
        if function & 0x80:
            return 0  # no request: an answer that came back, an exception even
        return self._except(ILLEGAL_FUNCTION)

    def _word(self, at: int) -> int:
        return self._rx[at] << 8 | self._rx[at + 1]

    def _except(self, code: int) -> int:
        self.exceptions = (self.exceptions + 1) & 0x3FFFFFFF
        self.answer[1] = self._rx[1] | 0x80
        self.answer[2] = code
        return 3

    def _read_bits(self, function: int) -> int:
        first = self._word(2)
        count = self._word(4)
        if not 1 <= count <= 2000:
            return self._except(ILLEGAL_VALUE)
        if not self.points.holds(function, first, count):
            return self._except(ILLEGAL_ADDRESS)
        size = (count + 7) >> 3
        self.answer[2] = size
        for index in range(size):
            self.answer[3 + index] = 0
        for index in range(count):
            if self.points.read(function, first + index):
                self.answer[3 + (index >> 3)] |= 1 << (index & 7)
        return 3 + size

    def _read_words(self, function: int) -> int:
        first = self._word(2)
        count = self._word(4)
        if not 1 <= count <= 125:
            return self._except(ILLEGAL_VALUE)
        if not self.points.holds(function, first, count):
            return self._except(ILLEGAL_ADDRESS)
        self.answer[2] = 2 * count
        for index in range(count):
            value = self.points.read(function, first + index)
            self.answer[3 + 2 * index] = value >> 8 & 0xFF
            self.answer[4 + 2 * index] = value & 0xFF
        return 3 + 2 * count

    def _write_one(self, function: int) -> int:
        address = self._word(2)
        value = self._word(4)
        if function == 5:
            if value not in (0, 0xFF00):
                return self._except(ILLEGAL_VALUE)
            value = 1 if value else 0
        if not self.points.holds(function, address, 1):
            return self._except(ILLEGAL_ADDRESS)
        code = self.points.check(function, address, value, 1)
        if code == 0:
            self.points.write(function, address, value)
            code = self.points.done(function, address, 1)
        return self._except(code) if code else self._echo()

    def _write_many(self, function: int) -> int:
        first = self._word(2)
        count = self._word(4)
        most = 1968 if function == 15 else 123
        size = (count + 7) >> 3 if function == 15 else 2 * count
        if not 1 <= count <= most or self._rx[6] != size:
            return self._except(ILLEGAL_VALUE)
        if not self.points.holds(function, first, count):
            return self._except(ILLEGAL_ADDRESS)
        for index in range(count):
            code = self.points.check(function, first + index, self._item(function, index), count)
            if code:
                return self._except(code)
        for index in range(count):
            self.points.write(function, first + index, self._item(function, index))
        code = self.points.done(function, first, count)
        return self._except(code) if code else self._echo()

    def _item(self, function: int, index: int) -> int:
        # Return bit or word number index of a write.
        if function == 15:
            return self._rx[7 + (index >> 3)] >> (index & 7) & 1
        return self._word(7 + 2 * index)

    def _echo(self) -> int:
        for index in range(2, 6):
            self.answer[index] = self._rx[index]
        return 6

    def _identify(self) -> int:
        # Read device identification (43/14): a stream of a category, or one object.
        code = self._rx[3]
        wanted = self._rx[4]
        objects = self.points.objects
        if not 1 <= code <= 4:
            return self._except(ILLEGAL_VALUE)
        last = 0x02 if code == 1 else 0x7F if code == 2 else 0xFF
        known = False
        for item in objects:
            known = known or item[0] == wanted
        if code == 4 and not known:
            return self._except(ILLEGAL_ADDRESS)
        if not known:
            wanted = 0
        self.answer[2] = 14
        self.answer[3] = code
        self.answer[4] = 0x83  # extended, streams and single objects
        self.answer[5] = 0  # all of it fits one answer
        self.answer[6] = 0
        at = 8
        found = 0
        for item in objects:
            if item[0] == wanted if code == 4 else wanted <= item[0] <= last:
                self.answer[at] = item[0]
                self.answer[at + 1] = len(item[1])
                for index in range(len(item[1])):
                    self.answer[at + 2 + index] = item[1][index]
                at += 2 + len(item[1])
                found += 1
        self.answer[7] = found
        return at
