"""Puts together what a Debian package of one architecture holds: our code, its C core, pinned dependencies.

    /usr/bin/python3 deploy/vendor.py DEST --arch arm64 --version 0.1.0 --work FOLDER

DEST becomes the package's root: usr/lib/depot-edge holds everything that Python imports.

Rule 1: every byte that comes from PyPI has a hash in deploy/requirements.txt.
Rule 2: compiled are only two modules, for the wanted architecture by Debian's cross compiler: our C core, and
        msgspec, of which there are no wheels for armhf.  What else is compiled comes from Debian's packages.
Rule 3: the same sources give the same bytes: no times, no paths, no byte code in it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIB = "usr/lib/depot-edge"
COMPILERS = {
    "amd64": "x86_64-linux-gnu",
    "arm64": "aarch64-linux-gnu",
    "armhf": "arm-linux-gnueabihf",
}
PYTHON = "3.11"  # of Debian 12
OURS = ("edge", "drivers")
LEFT_OUT = ("__pycache__", "*.so", "*.pyc")

LAUNCHER = """\
#!/usr/bin/python3 -I
# -I: neither the environment nor the folder that one stands in changes what is imported.
import sys

sys.path.insert(0, "/usr/lib/depot-edge")
from edge.cli import main

sys.exit(main())
"""


def main() -> None:
    """Fill DEST."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("dest", type=Path)
    parser.add_argument("--arch", choices=COMPILERS, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--work", type=Path, required=True, help="for downloads; may be kept")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    lib = args.dest / LIB
    shutil.rmtree(lib, ignore_errors=True)
    lib.mkdir(parents=True)
    includes = headers(args.arch, args.work / f"headers-{args.arch}")
    ours(lib, args.version)
    core(lib, args.arch, includes)
    for wheel in sorted(downloaded(args.work).glob("*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(lib)
    for module in lib.rglob("*.py"):  # modules are imported, not called: some begin with the path of a Python
        text = module.read_bytes()
        if text.startswith(b"#!"):
            module.write_bytes(text.partition(b"\n")[2])
    msgspec(lib, args.arch, includes, args.work)
    launcher = args.dest / "usr/bin/depot"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    for folder, _, files in os.walk(lib):
        Path(folder).chmod(0o755)
        for name in files:
            Path(folder, name).chmod(0o644)


def ours(lib: Path, version: str) -> None:
    """Copy our packages and the board's firmware, with the little that says which release this is."""
    for name in OURS:
        shutil.copytree(ROOT / name, lib / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(ROOT / "board", lib / "edge" / "firmware", ignore=_only_python)
    info = lib / f"depot_edge-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: depot-edge\nVersion: {version}\n")


def _only_python(folder: str, names: list[str]) -> set[str]:
    """Leave out what no gateway runs: of board/ only its own and the host's programs stay (see setup.py)."""
    here = Path(folder)
    return {n for n in names if not n.endswith(".py") and not (n == "host" and here == ROOT / "board")}


def core(lib: Path, arch: str, includes: list[str]) -> None:
    """Compile the C core: the C file comes from cffi, the flags from native/build.py."""
    sys.path.insert(0, str(ROOT / "native"))
    os.chdir(ROOT)
    import build  # noqa: PLC0415  (native/build.py: needs cffi, and the checkout as the current folder)

    source = lib / "_native.c"
    build.ffi.emit_c_code(str(source))
    sources = [str(source), *(f"native/{unit}.c" for unit in build.UNITS)]
    compile_to(lib / "edge/core/_native.abi3.so", arch, sources, ["-Inative", *includes, *build.FLAGS,
               "-DPy_LIMITED_API=0x030b0000"])  # fmt: skip
    source.unlink()


def msgspec(lib: Path, arch: str, includes: list[str], work: Path) -> None:
    """Compile msgspec's only C module, and copy its Python files."""
    (archive,) = downloaded(work).glob("msgspec-*.tar.gz")
    unpacked = work / f"msgspec-{arch}"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(archive) as packed:
        packed.extractall(unpacked, filter="data")
    (source,) = unpacked.glob("*/src/msgspec")
    shutil.copytree(source, lib / "msgspec", ignore=shutil.ignore_patterns("*.c", "*.h", *LEFT_OUT))
    units = [str(path) for path in sorted(source.glob("*.c"))]
    compile_to(lib / "msgspec/_core.so", arch, units, [*includes, f"-I{source}", "-O2", "-DNDEBUG"])
    version = archive.name.removeprefix("msgspec-").removesuffix(".tar.gz")
    info = lib / f"msgspec-{version}.dist-info"
    info.mkdir()
    shutil.copy(next(unpacked.glob("*/PKG-INFO")), info / "METADATA")
    shutil.copy(next(unpacked.glob("*/LICENSE*")), info / "LICENSE")


def compile_to(to: Path, arch: str, sources: list[str], flags: list[str]) -> None:
    """Compile and link a module, hardened as Debian's policy asks, with nothing that tells when or where."""
    triplet = COMPILERS[arch]
    hardened = ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-Wl,-z,relro,-z,now", "-g0", "-s"]
    map_to = [f"-ffile-prefix-map={ROOT}=.", f"-ffile-prefix-map={to.parent}=."]
    call = [f"{triplet}-gcc", "-shared", "-fPIC", *flags, *hardened, *map_to, *sources, "-o", str(to), "-lm"]
    subprocess.run(call, check=True)


def downloaded(work: Path) -> Path:
    """Return a folder with every file of requirements.txt: wheels, but msgspec's source."""
    folder = work / "pypi"
    if folder.is_dir():
        return folder
    part = work / "pypi.part"
    shutil.rmtree(part, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
    pinned = ROOT / "deploy/requirements.txt"
    lines = pinned.read_text().split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("msgspec=="))
    end = next(n for n in range(at, len(lines)) if not lines[n].endswith("\\"))
    wheels = ["--only-binary=:all:", "--platform=any", "--implementation=py"]
    for name, chosen, how in (
        ("pure.txt", lines[:at] + lines[end + 1 :], wheels),
        ("msgspec.txt", lines[at : end + 1], ["--no-binary=msgspec"]),
    ):
        part.mkdir(exist_ok=True)
        (work / name).write_text("\n".join(chosen) + "\n")
        subprocess.run([*pip, "--require-hashes", *how, "-r", str(work / name), "-d", str(part)], check=True)
    part.rename(folder)
    return folder


def headers(arch: str, folder: Path) -> list[str]:
    """Return the include options of Python's headers for an architecture, from Debian's own package."""
    triplet = COMPILERS[arch]
    usr = folder / "root/usr/include"
    if not (usr / triplet).is_dir():
        state = folder / "apt"
        for needed in ("state/lists/partial", "cache/archives/partial"):
            (state / needed).mkdir(parents=True, exist_ok=True)
        options = {
            "Dir::State": f"{state}/state", "Dir::State::status": "/dev/null", "Dir::Cache": f"{state}/cache",
            "APT::Architecture": arch, "APT::Architectures": arch, "APT::Sandbox::User": "root",
        }  # fmt: skip
        apt = ["apt-get", "--quiet=2", *(f"-o{key}={value}" for key, value in options.items())]
        subprocess.run([*apt, "update"], check=False)  # one archive that is being renewed must not stop it
        subprocess.run([*apt, "download", f"libpython{PYTHON}-dev"], check=True, cwd=folder)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True)
    return [f"-I{usr}/python{PYTHON}", f"-I{usr}", f"-I{usr}/{triplet}/python{PYTHON}"]


if __name__ == "__main__":
    main()
