"""The architecture is who may import whom (DESIGN.md §3).  Reads the imports, runs nothing."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# layer -> what it may import of ours.  Everything below a layer's own name is always allowed.
MAY_IMPORT = {
    "edge.model": set(),
    "drivers": {"edge.model"},
    "edge.core": {"edge.model"},
    "edge.report": {"edge.core", "edge.model"},
    "edge.shell": {"edge.report", "edge.core", "edge.model", "drivers"},
    "edge.web": {"edge.shell", "edge.report", "edge.core", "edge.model"},
    "edge.sim": {"edge.shell", "edge.report", "edge.core", "edge.model", "drivers"},
    "edge.cli": {
        "edge.web", "edge.sim", "edge.shell", "edge.report", "edge.core", "edge.model", "drivers",
    },
}  # fmt: skip

# What decides must not be able to touch the world (DESIGN.md §2).
NOT_IN_THE_CORE = {
    "asyncio", "time", "datetime.now", "random", "logging", "socket", "os", "threading", "sqlite3",
    "subprocess", "pathlib", "io", "pymodbus", "paho", "litestar", "serial",
}  # fmt: skip
CORE_LAYERS = ("edge.model", "edge.core", "drivers")
READS_ITS_OWN_FILES = {"drivers/library.py"}

# The doors to the C library.
DOORS = {"edge/core/balance.py", "edge/core/plan.py"}

FILES = sorted([*(ROOT / "edge").rglob("*.py"), *(ROOT / "drivers").rglob("*.py")])


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer_of(module: str) -> str | None:
    for layer in MAY_IMPORT:
        if module == layer or module.startswith(layer + "."):
            return layer
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    relative = path.relative_to(ROOT)
    own = layer_of(str(relative.with_suffix("")).replace("/", ".").removesuffix(".__init__"))
    for name in imports(path):
        theirs = layer_of(name)
        if own and theirs and theirs != own:
            assert theirs in MAY_IMPORT[own], f"{relative} imports {name}"
        if "edge.core._native" in name:
            assert str(relative) in DOORS, f"{relative} opens the door to the C library"
        if own in CORE_LAYERS and str(relative) not in READS_ITS_OWN_FILES:
            root = name.split(".")[0]
            assert root not in NOT_IN_THE_CORE, f"{relative} imports {name}: the core is pure"


def test_the_layers_have_files() -> None:
    assert len(FILES) > 10
