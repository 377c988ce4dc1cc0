"""Break balance.c in small ways and see that the C tests notice.

    python3 mutate.py [--part N/M] [--lines FROM-TO]

Each mutant changes one operator, number or statement.  It is killed when it does not compile under the
warnings, or the C tests fail or run out of time (a mutant may loop forever).  The survivors are printed,
and compared with MUTANTS.md, which explains each: exit 1 if one is not explained there.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "balance.c"
CPU_LIMIT_S = (3, 12)  # of processor time in each stage; the tests take 0.6 s, under sanitizers 2 s
JOBS = 2

SITES = "4000"  # random ones; the rarest mistakes need some thousands

# What is replaced by what; the first group of the pattern is.
SWAPS: list[tuple[str, tuple[str, ...]]] = [
    (r" (<) ", ("<=", ">")),
    (r" (<=) ", ("<", ">")),
    (r" (>) ", (">=", "<")),
    (r" (>=) ", (">", "<")),
    (r" (==) ", ("!=",)),
    (r" (!=) ", ("==",)),
    (r" (&&) ", ("||",)),
    (r" (\|\|) ", ("&&",)),
    (r" (\+) ", ("-",)),
    (r" (-) ", ("+",)),
    (r" (\*) ", ("/",)),
    (r" (/) ", ("*",)),
    (r" (%) ", ("/",)),
    (r" (\+=) ", ("-=", "=")),
    (r" (-=) ", ("+=", "=")),
    (r" (<<) ", (">>",)),
    (r" (>>) ", ("<<",)),
    (r"\w(\+\+)", ("--",)),
    (r"\w(--)", ("++",)),
    (r"(?<![\w.])([0-9]+)(?![\w.])", ("+1", "-1")),
    (r"\b(true)\b", ("false",)),
    (r"\b(false)\b", ("true",)),
    (r"if \((!)", ("",)),
    (r"&& (!)", ("",)),
]
STATEMENT = re.compile(r"^( +)((?!return|struct|int|const|bool|uint|static|for|while|if|\}|else)[^{}]*;)$")

FUNCTION = re.compile(r"^[a-z][\w *]*?(\w+)\(")


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, what was done, and the whole changed source."""
    lines = source.split("\n")
    start = next(n for n, line in enumerate(lines) if line.startswith("/// Checking ///"))
    inside_comment = False
    for n, line in enumerate(lines[start:], start):
        inside_comment = inside_comment or "/*" in line
        if not inside_comment:
            for what, changed in line_mutants(line):
                yield n + 1, what, "\n".join([*lines[:n], changed, *lines[n + 1 :]])
        if "*/" in line:
            inside_comment = False


def line_mutants(line: str) -> Iterator[tuple[str, str]]:
    """Yield what was done and the changed line."""
    code = line.partition("  /*")[0].partition("///")[0]
    for pattern, replacements in SWAPS:
        for found in re.finditer(pattern, code):
            old = found[1]
            for new in replacements:
                by = str(int(old) + int(new)) if new in ("+1", "-1") else new
                changed = code[: found.start(1)] + by + code[found.end(1) :]
                yield f"{old} -> {by or 'nothing'} at column {found.start(1) + 1}", changed
    if STATEMENT.match(code):
        yield "statement removed", STATEMENT.sub(r"\1;", code)


def name_of(lines: list[str], number: int, what: str) -> str:
    """Return what MUTANTS.md calls a mutant; the same code may stand in several functions."""
    function = next(found[1] for line in reversed(lines[:number]) if (found := FUNCTION.match(line)))
    return f"{function}: {lines[number - 1].strip()}: {what}"


GCC = ("gcc", "-std=c11", f"-I{HERE}")
# Quick first; who survives that is tried once more with all warnings and under the sanitizers.
STAGES = (
    ("-O1", "-w"),
    ("-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"),
)


def prepare(folder: Path) -> None:
    """Compile the tests once per stage; only balance.c changes."""
    for n, stage in enumerate(STAGES):
        subprocess.run(
            [*GCC, *stage, "-c", str(HERE / "test_balance.c"), "-o", f"{folder}/{n}.o"], check=True
        )


def survives(tests: Path, source: str) -> bool:
    """Say whether the tests pass with a mutant."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "balance.c").write_text(source)
        return all(passes(tests, n, Path(folder)) for n in range(len(STAGES)))


def passes(tests: Path, stage: int, folder: Path) -> bool:
    program = f"{folder}/test-{stage}"
    parts = [f"{folder}/balance.c", f"{tests}/{stage}.o", "-o", program]
    if subprocess.run([*GCC, *STAGES[stage], *parts], capture_output=True, check=False).returncode:
        return False
    corpus = [str(path) for path in sorted((HERE / "corpus" / "balance").glob("*"))]
    limit = ["prlimit", f"--cpu={CPU_LIMIT_S[stage]}"]
    done = subprocess.run(
        [*limit, program, "--first", "--sites", SITES, *corpus], capture_output=True, check=False
    )
    return done.returncode == 0


def explained() -> set[str]:
    """Return the changes that MUTANTS.md explains, by name_of()."""
    path = HERE / "MUTANTS.md"
    return set(re.findall(r"^- `(.+?)`$", path.read_text(), re.M)) if path.exists() else set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", default="1/1", help="N/M: only every M-th mutant, from the N-th")
    parser.add_argument("--lines", default="1-99999", help="FROM-TO: only the mutants of these lines")
    args = parser.parse_args()
    part, parts = (int(number) for number in args.part.split("/"))
    first, last = (int(number) for number in args.lines.split("-"))
    source = SOURCE.read_text()
    lines = source.split("\n")
    todo = [m for m in mutants(source) if first <= m[0] <= last][part - 1 :: parts]
    known = explained()
    left, unexplained = 0, 0
    with tempfile.TemporaryDirectory() as tests, ThreadPoolExecutor(JOBS) as pool:
        prepare(Path(tests))
        fates = pool.map(lambda mutant: survives(Path(tests), mutant[2]), todo)
        for (number, what, _), alive in zip(todo, fates, strict=True):
            if alive:
                left += 1
                name = name_of(lines, number, what)
                unexplained += name not in known
                print(
                    f"{'survives, explained' if name in known else 'SURVIVES'}: {number}: {name}", flush=True
                )
    print(f"{len(todo)} mutants, {len(todo) - left} killed, {left} survive, {unexplained} unexplained")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
