"""Builds the C core and takes the board's firmware along.  Everything else stands in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithFirmware(build_py):
    """Puts board/ into the package: `depot demo` runs it, `depot board pack` signs it.

    Found by edge/shell/firmware.py.  No Python package: its files have the names that they have on the chip.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # it lies beside the sources
        for folder in ("", "host"):
            to = Path(self.build_lib, "edge", "firmware", folder)
            to.mkdir(parents=True, exist_ok=True)
            for source in sorted(Path("board", folder).glob("*.py")):
                self.copy_file(str(source), str(to / source.name))


setup(
    cffi_modules=["native/build.py:ffi"],  # has no key in pyproject.toml
    cmdclass={"build_py": WithFirmware},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
