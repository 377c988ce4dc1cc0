"""A benchmark that is an assembly of parts: each a module beside it, with figures(quick) and words(figures).

Rule 1: a part whose file is not there is not listed; nothing stands in for it.
Rule 2: what a part needs and is not installed is an error, as for any benchmark.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).parent


def there(modules: Mapping[str, str]) -> dict[str, str]:
    """Return those of the parts (name to module beside this one) that are here."""
    return {name: module for name, module in modules.items() if (HERE / f"{module}.py").is_file()}


def figures(modules: Mapping[str, str], quick: bool, only: str | None) -> dict[str, Any]:
    """Return the figures of every part, or of one."""
    return {name: _module(modules[name]).figures(quick) for name in modules if only in (None, name)}


def words(modules: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """Return the figures of all parts as people read them, each under its name."""
    told = (f"== {name} ==\n{_module(modules[name]).words(found[name])}" for name in modules if name in found)
    return "\n\n".join(told)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"tests.bench.{name}")
