# Run the checks of one module: under MicroPython (run.mjs), or `python tests/board/each.py MODULE [CHECK]`.
#
# Under CPython each has a process of its own: the firmware's modules have short names (board, config, main …)
# that nobody else has on the chip, but somebody has in a process of many tests.

import sys


def run(module, only=""):
    # Run the checks of a module, or only one; print each one's name when it has passed.
    checks = __import__(module)
    for name in sorted(dir(checks)):
        if name.startswith("check_") and (not only or name == only):
            getattr(checks, name)()
            print(name)


if __name__ == "__main__" and sys.implementation.name == "cpython":
    here = __file__.rsplit("/", 1)[0]
    sys.path[:0] = [here + "/../../board", here + "/../../board/host"]
    run(*sys.argv[1:])
