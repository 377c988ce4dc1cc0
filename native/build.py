"""Builds the C core as one extension module, edge.core._native (cffi, API mode).

The declarations exist once: they are read out of the headers, between the lines `/* cdef: begin */`
and `/* cdef: end */`, and the C compiler checks them against the headers themselves.
"""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent
UNITS = ("balance", "plan")

# Python's own CFLAGS carry -DNDEBUG; assertions of the core are part of the product and stay alive.
# The planner's loops want -O3 to be vectorised; it reads neither errno nor the floating point flags,
# and its sums must not depend on whether the machine can fuse a product into them.
FLAGS = ["-std=c11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
FLAGS += ["-Wall", "-Wextra", "-UNDEBUG"]


def declarations(header: str) -> str:
    """Return what stands between the cdef marks of a header.

    Raises IndexError where a mark is missing: a header without marks has nothing for Python.
    """
    return header.split("/* cdef: begin */", 1)[1].split("/* cdef: end */", 1)[0]


ffi = FFI()
for unit in UNITS:
    ffi.cdef(declarations((HERE / f"{unit}.h").read_text()))
ffi.set_source(
    "edge.core._native",
    "\n".join(f'#include "{unit}.h"' for unit in UNITS),
    sources=[f"native/{unit}.c" for unit in UNITS],
    depends=[f"native/{path.name}" for path in sorted(HERE.glob("*.h"))],
    include_dirs=["native"],
    extra_compile_args=FLAGS,
    py_limited_api=True,
    define_macros=[("Py_LIMITED_API", "0x030b0000")],
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
