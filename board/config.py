# Say what can be set, in which range, and which settings contradict one another.
# The words are holding registers FIRST … FIRST + WORDS - 1 (registers.md).

FIRST = 20
WORDS = 24

UNIT = 0
BAUD = 1
PARITY = 2
TIMEOUT = 3
SAFE_PATTERN = 4
LIMITED_PATTERN = 5
FITTED = 6
FEEDBACK = 7
ROLES = 8
INVERTED = 12
DEBOUNCE = 13
RECLOSE = 14
STAGGER = 15
TEST_HOURS = 16
TEST_SUPPLY = 17
REMOTE_RESET = 18
CT = 19
KEY = 22

# 0x44455054 in halves: the whole does not fit a small integer, and would go on the heap.
FACTORY_KEY_HIGH = 0x4445
FACTORY_KEY_LOW = 0x5054

# (lowest, highest, as delivered) of every word.
FIELDS = (
    (1, 247, 200),
    (96, 1152, 192),
    (0, 2, 1),
    (2000, 60000, 10000),
    (0, 15, 0),
    (0, 15, 0),
    (0, 15, 15),
    (0, 15, 0),
    (0, 4, 1),
    (0, 4, 2),
    (0, 4, 3),
    (0, 4, 4),
    (0, 15, 2),
    (5, 500, 30),
    (1, 600, 30),
    (100, 60000, 1000),
    (0, 168, 24),
    (0, 1, 0),
    (0, 1, 0),
    (0, 60000, 0),
    (0, 60000, 0),
    (0, 60000, 0),
    (0, 0xFFFF, FACTORY_KEY_HIGH),
    (0, 0xFFFF, FACTORY_KEY_LOW),
)
BAUDS = (96, 192, 384, 576, 1152)


def defaults() -> list[int]:
    # Return the words as delivered.
    return [field[2] for field in FIELDS]


def in_range(index: int, value: int) -> bool:
    # Return whether one word may have this value, whatever the others say.
    field = FIELDS[index]
    return field[0] <= value <= field[1] and (index != BAUD or value in BAUDS)


def lawful(words: list[int]) -> bool:
    # Return whether a whole configuration may hold.
    for index in range(WORDS):
        if not in_range(index, words[index]):
            return False
    # SAFE must not give more than the operator leaves: it also holds while the operator's relay is active.
    if words[SAFE_PATTERN] & ~words[LIMITED_PATTERN]:
        return False
    # A broken wire to an emergency stop must stop.
    for index in range(4):
        if words[ROLES + index] == 2 and not words[INVERTED] >> index & 1:
            return False
    return words[KEY] != 0 or words[KEY + 1] != 0
