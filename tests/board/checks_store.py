# Power fails at every byte of every write, in each way that flash may be left.

from store import Store

WORDS = 24


class PowerCut(Exception):
    pass


class Failing:
    # Files whose write number `at` stops after `left` bytes, leaving the file in the given way.
    def __init__(self, files, left, way):
        self.files = files
        self.left = left
        self.way = way

    def read(self, name):
        return self.files.get(name, b"")

    def write(self, name, data):
        old = self.files.get(name, b"")
        done = bytes(data[: self.left])
        if self.way == "short":
            self.files[name] = done
        elif self.way == "in place":
            self.files[name] = done + old[len(done) :]
        elif self.way == "erased":
            self.files[name] = done + b"\xff" * (len(data) - len(done))
        else:
            self.files[name] = done + b"\x00" * (len(data) - len(done))
        if self.left < len(data):
            raise PowerCut


WAYS = ("short", "in place", "erased", "zeroed")


def check_power_cut_at_every_byte_of_every_write():
    size = 2 * WORDS + 10
    cuts = 0
    for saves in range(4):
        for way in WAYS:
            for left in range(size + 1):
                files = {}
                store = Store(Failing(files, 1000, "short"), "c", 1, WORDS)
                for number in range(saves):
                    assert store.save([number + 1] * WORDS)
                old = [saves] * WORDS if saves else None
                new = [saves + 1] * WORDS
                store = Store(Failing(files, left, way), "c", 1, WORDS)
                try:
                    store.save(new)
                except PowerCut:
                    cuts += 1
                after = Store(Failing(files, 1000, "short"), "c", 1, WORDS)
                found = after.load()
                assert found == old or found == new, (saves, way, left, found)
                if left == size:
                    assert found == new
                assert after.save([99] * WORDS) and after.load() == [99] * WORDS
    assert cuts == 4 * len(WAYS) * size


def check_any_single_wrong_bit_is_seen():
    files = {}
    store = Store(Failing(files, 1000, "short"), "c", 1, WORDS)
    store.save([1] * WORDS)
    store.save([2] * WORDS)
    good = files["c.b"]
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        files["c.b"] = bytes(bad)
        assert store.load() == [1] * WORDS
