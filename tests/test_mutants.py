"""The list of breaks that `make mutants` makes is kept with the code that it breaks."""

from pathlib import Path

from tests.mutants import ALL

ROOT = Path(__file__).parent.parent


def test_what_is_to_be_broken_stands_in_the_code_exactly_once():
    """Else a change of the code would end the run, or turn a break into nothing."""
    found = {(file, old): (ROOT / file).read_text(encoding="utf-8").count(old) for _, file, old, _ in ALL}
    assert {key: count for key, count in found.items() if count != 1} == {}
