# What must hold of frames, under both interpreters: vectors, mutations.

from world import World, crc_bitwise


class Dice:
    # A linear congruential generator (Numerical Recipes), the same under both interpreters.
    def __init__(self, seed):
        self.state = seed

    def roll(self, sides):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % sides


SEEDS = (
    (1, 0, 0, 0, 4),
    (2, 0, 0, 0, 16),
    (3, 0, 0, 0, 44),
    (4, 0, 0, 0, 100),
    (5, 0, 2, 0xFF, 0),
    (6, 0, 1, 0, 7),
    (15, 0, 0, 0, 4, 1, 15),
    (16, 0, 0, 0, 2, 4, 0, 9, 0, 15),
    (16, 0, 11, 0, 2, 4, 0x44, 0x45, 0x50, 0x54),
    (16, 0, 20, 0, 3, 6, 0, 5, 0, 96, 0, 0),
    (6, 0, 10, 0, 3),
    (43, 14, 3, 0),
)


def mutate(dice, frame):
    for _ in range(1 + dice.roll(3)):
        at = dice.roll(len(frame))
        kind = dice.roll(5)
        if kind == 0:
            frame[at] ^= 1 << dice.roll(8)
        elif kind == 1:
            frame[at] = dice.roll(256)
        elif kind == 2 and len(frame) > 1:
            frame = frame[:at] + frame[at + 1 :]
        elif kind == 3:
            frame = frame[:at] + bytes([dice.roll(256)]) + frame[at:]
        else:
            frame = frame + bytes([dice.roll(256) for _ in range(dice.roll(300))])
    return frame


def fuzz(count, seed):
    # Feed mutated frames to a whole board that drives pattern 5; return (sent, right CRC again, answered).
    world = World()
    board, server = world.board, world.firmware.server
    world.configure((34, 1), (35, 100), (23, 60000))
    for counter in range(1, 4):
        world.beat(counter, 5)
    world.run(3000)
    assert world.relays == 5
    dice = Dice(seed)
    intact = answered = 0
    for number in range(count):
        pdu = SEEDS[dice.roll(len(SEEDS))]
        frame = bytearray(bytes([200]) + bytes(pdu))
        frame = frame + crc_bitwise(frame)
        whole = dice.roll(2)
        if whole:  # mutated before its CRC is made: a frame that is right on the line and strange within
            frame = mutate(dice, frame[:-2])
            frame[0] = 200
            heartbeat = len(frame) > 3 and frame[1] in (5, 6, 15, 16) and frame[2] == 0 and frame[3] <= 10
            if heartbeat or len(frame) > 254:
                frame[1] = 7 + dice.roll(8)
            frame = frame + crc_bitwise(frame)
        else:
            frame = mutate(dice, frame)
        right = len(frame) >= 4 and len(frame) <= 256 and crc_bitwise(frame[:-2]) == frame[-2:]
        if right and not whole:
            continue  # the mutations undid one another
        intact += right
        at = 0
        while at < len(frame):  # as a UART hands it over: in pieces
            piece = frame[at : at + 64]
            server.feed(piece, len(piece))
            at += 64
        length = server.end() if server.busy else 0
        assert length == 0 or right, "answered a frame whose CRC is wrong"
        if length:
            answered += 1
            answer = server.answer[:length]
            assert answer[0] == 200 and answer[1] & 0x7F == frame[1]
            assert crc_bitwise(answer[:-2]) == bytes(answer[-2:])
            assert length == 5 or not answer[1] & 0x80
        assert board.failsafe.asked == 5, (number, bytes(frame))
        if number % 1000 == 0:
            world.beat(4 + number // 1000 & 0xFFFF, 5)
        board.restart = False
        moves = world.moves
        if number % 50 == 0:
            world.step()
        assert world.relays == 5 and world.moves == moves
    return count, intact, answered


def check_five_thousand_mutated_frames():
    _, intact, answered = fuzz(5_000, 1)
    assert intact > 1_000 and answered > 500


def check_vectors_of_the_specification():
    # CRC: MODBUS over Serial Line V1.02, 6.2.2 (02 07 → 41 12).
    from frame import crc16

    assert crc16(bytearray(b"\x02\x07"), 0, 2, 0xFFFF) == 0x1241
    world = World()
    assert world.ask([7]) == b"\x87\x01"
    assert world.ask([3, 0, 0, 0, 0]) == b"\x83\x03"
    assert world.ask([3, 0, 0, 0, 126]) == b"\x83\x03"
    assert world.ask([3, 0, 44, 0, 1]) == b"\x83\x02"
    assert world.ask([3, 0xFF, 0xFF, 0, 2]) == b"\x83\x02"
    assert world.ask([5, 0, 0, 0x12, 0x34]) == b"\x85\x03"
    assert world.ask([6, 0, 1, 0, 16]) == b"\x86\x03"
    assert world.ask([16, 0, 0, 0, 2, 3, 0, 1, 0]) == b"\x90\x03"
    assert world.ask([6, 0, 24, 0, 15]) == b"\x86\x02", "a setting without the key"
    assert world.ask([43, 14, 1, 0]) == (
        b"\x2b\x0e\x01\x83\x00\x00\x03\x00\x0adepot-edge\x01\x0dfailsafe-io-4\x02\x050.1.0"
    )
    assert world.ask([43, 14, 4, 5]) == b"\x2b\x0e\x04\x83\x00\x00\x01\x05\x04pico"
    assert world.ask([43, 14, 4, 9]) == b"\xab\x02"
    assert world.ask([43, 14, 5, 0]) == b"\xab\x03"
    assert world.ask([43, 13, 1, 0]) == b"\xab\x01"


def check_the_line_as_it_is():
    world = World()
    server = world.firmware.server
    good = bytes([200, 4, 0, 16, 0, 1])
    good += crc_bitwise(good)

    def send(data, quiet=10):
        world.line.sent_count = 0
        world.line.put(data)
        world.run(quiet)
        return world.line.sent_count

    assert send(good) == 7
    assert send(b"\x00" + good) == 0 and server.bad_frames == 1, (
        "a stray byte spoils the frame that it touches"
    )
    assert send(good) == 7, "and no other"
    assert send(good[:5], 1) == 0 and send(good[5:]) == 7, "a frame may come in pieces"
    assert send(good[:5]) == 0 and send(good[5:]) == 0, "but not with a gap in it"
    other = bytes([7, 4, 2, 1, 2])
    assert send(other + crc_bitwise(other)) == 0 and server.others == 1
    everyone = bytes([0, 16, 0, 0, 0, 2, 4, 0, 9, 0, 15])
    assert send(everyone + crc_bitwise(everyone)) == 0 and server.broadcasts == 1
    assert world.board.failsafe.asked == 0
    assert send(bytes(300)) == 0 and server.thrown_away == 44
    assert send(good) == 7
