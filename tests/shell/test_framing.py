"""Which bytes are the answer: vectors of the specifications, fed in three ways, and bytes of chance."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.wire import Read, Write
from edge.shell.framewords import say
from edge.shell.framing import Ascii, OutOfStep, Rtu, Tcp, words_of

# What is asked, how it goes out and how it comes back, for each framing.
# Source: the worked examples of simplymodbus.ca (FC01, FC03, FC05, FC06, FC16, ASCII), printed with their
# checksums; the TCP frame is the same question as Messaging on TCP/IP V1.0b wraps it.
VECTORS = [
    (Rtu, Read(0x11, "holding", 0x6B, 3), "11 03 00 6B 00 03 76 87", "11 03 06 AE 41 56 52 43 40 49 AD",
     (0xAE41, 0x5652, 0x4340)),
    (Rtu, Write(0x11, 6, 1, (3,)), "11 06 00 01 00 03 9A 9B", "11 06 00 01 00 03 9A 9B", ()),
    (Rtu, Write(0x11, 16, 1, (10, 258)), "11 10 00 01 00 02 04 00 0A 01 02 C6 F0",
     "11 10 00 01 00 02 12 98", ()),
    (Rtu, Write(0x11, 5, 0xAC, (1,)), "11 05 00 AC FF 00 4E 8B", "11 05 00 AC FF 00 4E 8B", ()),
    (Rtu, Read(0x11, "coil", 0x13, 0x25), "11 01 00 13 00 25 0E 84", "11 01 05 CD 6B B2 0E 1B 45 E6",
     tuple(0x1B0EB26BCD >> n & 1 for n in range(0x25))),
    (Tcp, Read(0x11, "holding", 0x6B, 3), "00 01 00 00 00 06 11 03 00 6B 00 03",
     "00 01 00 00 00 09 11 03 06 AE 41 56 52 43 40", (0xAE41, 0x5652, 0x4340)),
    (Ascii, Read(0x11, "holding", 0x6B, 3), b":1103006B00037E\r\n".hex(),
     b":110306AE41565243404A\r\n".hex(), None),
]  # fmt: skip
IDS = [f"{v[0].__name__}-{type(v[1]).__name__}-{v[1].function}" for v in VECTORS]


@pytest.mark.parametrize(("kind", "question", "request_", "answer", "values"), VECTORS, ids=IDS)
def test_a_question_goes_out_as_the_specification_shows(kind, question, request_, answer, values):
    assert kind().frame(question, 1) == bytes.fromhex(request_)


@pytest.mark.parametrize(("kind", "question", "request_", "answer", "values"), VECTORS, ids=IDS)
def test_an_answer_is_found_whole_byte_by_byte_and_among_garbage(kind, question, request_, answer, values):
    framing, data = kind(), bytes.fromhex(answer)
    if values is None:  # worked out here: the sum of the example's bytes
        message = bytes.fromhex("110306AE4156524340")
        data = b":" + (message + bytes((-sum(message) & 0xFF,))).hex().upper().encode() + b"\r\n"
        values = (0xAE41, 0x5652, 0x4340)
    assert words_of(question, framing.find(data, question, 1).answer) == values
    for size in range(len(data)):
        assert framing.find(data[:size], question, 1) is None, "not before it is whole"
    assert framing.find(data + b"\xff\xff", question, 1).used == len(data)
    if framing.serial:
        found = framing.find(b"\x11\x03\x00" + data, question, 1) if kind is Rtu else None
        assert found is None or words_of(question, found.answer) == values


QUESTION = Read(1, "holding", 100, 4)


@pytest.mark.parametrize("framing", [Rtu(), Tcp(), Ascii()], ids=["rtu", "tcp", "ascii"])
@given(data=st.binary(max_size=300))
@settings(max_examples=100)
def test_bytes_of_chance_are_no_answer_and_no_accident(framing, data):
    with contextlib.suppress(OutOfStep):
        found = framing.find(data, QUESTION, 7)
        assert found is None or found.answer[0] in (3, 0x83)
    framing.frames(data)
    assert isinstance(say(framing, "←", data), str)
    assert isinstance(say(framing, "→", data), str)


@pytest.mark.parametrize("framing", [Rtu(), Ascii()], ids=["rtu", "ascii"])
@given(data=st.data())
@settings(max_examples=100)
def test_one_flipped_bit_is_never_believed_on_a_serial_line(framing, data):
    question = Write(1, 6, 100, (4,))
    good = framing.frame(question, 7)
    at = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[at // 8] ^= 1 << at % 8
    found = framing.find(bytes(bad), question, 7)
    # Hex digits differ in one bit between upper and lower case, and ":" is not part of the message.
    assert found is None or (
        framing.kind == "ascii" and found.answer == framing.find(good, question, 7).answer
    )


@pytest.mark.parametrize(
    ("direction", "data", "words"),
    [
        ("→", "01 03 00 0A 00 02 E4 09", "unit 1: read 2 holding registers from 10 (0x000A)"),
        ("←", "01 83 02 C0 F1", "unit 1: refuses function 3: 2 illegal data address"),
        ("→", "01 06 01 05 00 7B D8 14", "unit 1: write register 261 (0x0105) = 123"),
        ("←", "01 06 01 05 00 7B D8 14", "unit 1: register 261 (0x0105) = 123"),
        ("←", "01 04 02 01 08 B9 66", "unit 1: 1 input registers: 264"),
        ("←", "01 04 02 01 08 B9 67", "no sound frame"),
    ],
)
def test_frames_in_words(direction, data, words):
    assert say(Rtu(), direction, bytes.fromhex(data)) == words
