"""The worked example of drivers/README.md works: what an electrician copies must."""

import re
from pathlib import Path

from drivers.device import Device
from drivers.parse import table
from tests.drivers import golden

README = Path(__file__).parents[2] / "drivers" / "README.md"


def example() -> tuple[str, str]:
    """Return the table and the golden file of the worked example."""
    worked = README.read_text().split("# A worked example", 1)[1]
    (toml,) = re.findall(r"```toml\n(.*?)```", worked, re.S)
    (vector,) = re.findall(r"```\n(source:.*?)```", worked, re.S)
    return toml, vector


def test_the_worked_example_is_a_table_that_its_golden_file_proves() -> None:
    toml, vector = example()
    device = Device(table("example_em300", toml), 1)
    identify, look = golden.read("example_em300", vector).parts
    device.recognise(identify.replies)
    seen = device.decode(look.replies)
    assert look.readings and {k: seen.get(k) for k in look.readings} == look.readings
    assert look.absent == ["current_l3_ma"] and "current_l3_ma" not in seen
    assert [r.address for r in device.polls()[0].reads] == [200]


def test_every_file_of_the_layer_is_in_the_readme() -> None:
    told = README.read_text()
    for path in README.parent.glob("*.py"):
        assert f"`{path.name}`" in told or path.name == "__init__.py", path.name
