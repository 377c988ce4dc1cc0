"""Builds the C core.  Everything else stands in pyproject.toml (cffi_modules has no key there)."""

from setuptools import setup

setup(
    cffi_modules=["native/build.py:ffi"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
