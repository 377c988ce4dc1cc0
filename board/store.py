# Keep a list of 16-bit words in two files, so that power may fail at any byte.  Pure but for `files`.
#
# Rule 1: the newest good copy is never written to; the other one is.
# Rule 2: a copy is good when its length, magic and CRC-32 are; the higher number is newer.
# Rule 3: save says whether what it wrote can be read again.

import binascii
import struct

_HEAD = ">HI"  # magic, number


class Files:
    # Where the copies lie; main.py has the flash.
    def read(self, name: str) -> bytes:
        # Return a file's content, b"" where there is none.
        return b""

    def write(self, name: str, data: bytes) -> None:
        # Write a file anew.
        pass


class Store:
    # name: the files are NAME.a and NAME.b.  magic: another layout, another magic.
    def __init__(self, files: Files, name: str, magic: int, words: int) -> None:
        self._files = files
        self._names = (name + ".a", name + ".b")
        self._magic = magic
        self._layout = ">" + "H" * words
        self._size = struct.calcsize(_HEAD) + 2 * words + 4
        self.number = 0

    def load(self) -> "list[int] | None":
        # Return the newest good copy; None where both are lost.
        newest: list[int] | None = None
        self.number = 0
        for name in self._names:
            found = self._parse(self._files.read(name))
            if found is not None and found[0] > self.number:
                self.number = found[0]
                newest = found[1]
        return newest

    def save(self, words: list[int]) -> bool:
        # Write over the older copy; return whether it reads back as written.
        self.load()
        number = self.number + 1
        # An odd number lies in .a, an even one in .b: the newest good copy is always the other one.
        name = self._names[(number + 1) & 1]
        body = struct.pack(_HEAD, self._magic, number) + struct.pack(self._layout, *words)
        self._files.write(name, body + struct.pack(">I", binascii.crc32(body)))
        return self.load() == words and self.number == number

    def _parse(self, data: bytes) -> "tuple[int, list[int]] | None":
        # Return (number, words) of a good copy.
        if len(data) != self._size:
            return None
        if binascii.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
            return None
        magic, number = struct.unpack(_HEAD, data[:6])
        if magic != self._magic or number == 0:
            return None
        return number, list(struct.unpack(self._layout, data[6:-4]))
