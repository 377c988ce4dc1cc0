# What must hold of the decision, under both interpreters.  Called by test_logic.py and run.mjs.

from failsafe import ALLOWED, LIMITED, SAFE, TRANSITIONS, TRIPPED, Failsafe

TIMEOUT = 2000
ASKED = 0b0111
OPERATOR = 0b0011
LETTERS = ("beat", "silence", "press", "release", "limit", "free", "reset", "change")
DEPTH = 6


class Judge:
    # What a person would say of the story so far, told from what happened, not from the table.
    # A tuple of it: (pressed, limited, latched, beats since the gateway began anew, obeyed)
    START = (False, False, False, 0, False)

    @staticmethod
    def hear(seen, letter):
        pressed, limited, latched, beats, obeyed = seen
        if letter == "silence" or letter == "change":
            beats = 0
            obeyed = False
        if letter == "press":
            pressed = True
        if letter == "release":
            pressed = False
        if letter == "limit":
            limited = True
        if letter == "free":
            limited = False
        if letter == "reset" and not pressed and latched:
            latched = False
            obeyed = False
        if letter == "beat":
            beats += 1
            if beats >= 2 and not latched:
                obeyed = True
        if pressed:
            latched = True
        return (pressed, limited, latched, beats, obeyed)


def tell(machine, seen, letter, counter):
    # Let one letter happen to the machine.
    if letter == "beat":
        machine.heartbeat(counter)
        machine.asked = ASKED
    if letter == "change":
        machine.change(TIMEOUT, 0, OPERATOR)
    machine.step(TIMEOUT + 1 if letter == "silence" else 1, seen[0], seen[1], letter == "reset")


FIELDS = (
    "state",
    "why",
    "asked",
    "age_ms",
    "alive",
    "silences",
    "stale",
    "trips",
    "_counter",
    "_heard_ms",
    "_beat",
)


def remember(machine):
    return [getattr(machine, name) for name in FIELDS]


def restore(machine, memory):
    for name, value in zip(FIELDS, memory):
        setattr(machine, name, value)


def check_every_story_of_six_events():
    machine = Failsafe(TIMEOUT, 0, OPERATOR, False)
    told = [0]

    def go(seen, depth):
        memory = remember(machine)
        for letter in LETTERS:
            restore(machine, memory)
            after = Judge.hear(seen, letter)
            tell(machine, after, letter, depth)
            told[0] += 1
            _, limited, latched, _, obeyed = after
            wanted = 0 if latched or not obeyed else ASKED & OPERATOR if limited else ASKED
            assert machine.pattern() == wanted, (after, letter, machine.state)
            assert (machine.state == TRIPPED) == latched, (after, letter)
            if machine.state == SAFE or machine.state == TRIPPED:
                assert machine.pattern() == 0
            if depth < DEPTH:
                go(after, depth + 1)

    go(Judge.START, 1)
    assert told[0] == sum([len(LETTERS) ** n for n in range(1, DEPTH + 1)])


def check_the_table_reaches_allowed_by_a_heartbeat_alone():
    assert [key for key in TRANSITIONS if TRANSITIONS[key] == ALLOWED and key[0] != LIMITED] == [(SAFE, 1)]


def check_a_counter_that_stands_still_is_silence():
    machine = Failsafe(TIMEOUT, 0, 15, False)
    for counter in (7, 8):
        machine.heartbeat(counter)
        machine.step(1, False, False, False)
    assert machine.state == ALLOWED
    for _ in range(TIMEOUT // 100):
        machine.heartbeat(8)
        machine.step(100, False, False, False)
    assert machine.state == ALLOWED and machine.age_ms == TIMEOUT
    machine.step(1, False, False, False)
    assert machine.state == SAFE and machine.stale == TIMEOUT // 100 and machine.silences == 1
    machine.heartbeat(9)
    machine.step(1, False, False, False)
    assert machine.state == SAFE, "one heartbeat after a silence says only where the counter stands"


def check_a_trip_survives_the_power():
    assert Failsafe(TIMEOUT, 15, 15, True).pattern() == 0
