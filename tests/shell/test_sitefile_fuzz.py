"""Site files that are wrong in ways nobody thought of: always an answer, never a crash."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.shell import sitefile
from edge.shell.sitefile import SiteUnreadable

GOOD = Path(__file__).with_name("good.toml")
LINES = GOOD.read_text().replace("../vectors", str(GOOD.parent.parent / "vectors")).splitlines()
WITH_VALUE = [n for n, line in enumerate(LINES) if re.match(r"\w+ = ", line)]

VALUES = st.sampled_from(
    [
        "0", "-1", "1", "5", "63.5", "1e400", "nan", "inf", "true", '""', '"x"', '"main"', '"bay-1"',
        '"rs485"', "[]", "[1]", '["L1"]', '["mon"]', "{}", "{a = 1}", "[[1]]", "1979-05-27", "07:32:00",
        '"\\u0000"', '"L1"', '"é"', "99999999999999999999", '[{id = "a"}]', '"18:00"', "0.0001",
        '"192.168.1.20:502"', '"alfen_eve"',
    ]
)  # fmt: skip

SLIPS = st.lists(
    st.one_of(
        st.tuples(st.just("value"), st.sampled_from(WITH_VALUE), VALUES),
        st.tuples(st.just("gone"), st.integers(0, len(LINES) - 1), st.just("")),
        st.tuples(st.just("twice"), st.integers(0, len(LINES) - 1), st.just("")),
        st.tuples(
            st.just("heading"), st.integers(0, len(LINES) - 1), st.sampled_from(["[x]", "[[node]]", "[site]"])
        ),
    ),
    min_size=1,
    max_size=4,
)


def slipped(slips):
    lines = list(LINES)
    for what, n, text in slips:
        match what:
            case "value":
                lines[n] = f"{LINES[n].partition(' = ')[0]} = {text}"
            case "gone":
                lines[n] = ""
            case "twice":
                lines[n] = f"{LINES[n]}\n{LINES[n]}"
            case "heading":
                lines[n] = text
    return "\n".join(lines)


@settings(max_examples=100, deadline=None)
@given(slips=SLIPS)
def test_every_file_gets_an_answer(tmp_path_factory, slips):
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(slipped(slips))
    try:
        examined = sitefile.examine(path)
    except SiteUnreadable as error:
        assert str(path) in str(error)
        return
    assert (examined.site is None) == bool(examined.problems)
    for problem in examined.problems:
        assert problem.table and problem.expected
    if examined.site is not None:
        assert all(node.fits for node in examined.proof)
