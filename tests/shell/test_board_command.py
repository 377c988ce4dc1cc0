"""`depot board`: images that nobody signed are refused; a board gets exactly what was signed.

The board is MicroPython itself (WebAssembly, by npm) behind a pseudo-terminal, and mpremote is MicroPython's
own.  What a chip's flash and USB add to that is not tested here.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import tty
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.cli import board as command
from edge.cli import main
from edge.shell import boardimage
from edge.shell.boardimage import BadImage
from edge.shell.boardusb import Usb
from tests.fakes import micropython

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "board"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Return files of a private key and its public one."""
    return make_keys(tmp_path, "release")


def make_keys(folder: Path, name: str) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.key", folder / f"{name}.pem"
    kind, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(kind, serialization.PrivateFormat.PKCS8, plain))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(kind, form))
    return private, public


def packed(folder: Path, private: Path, firmware: Path = FIRMWARE) -> Path:
    image = folder / "firmware.zip"
    image.write_bytes(boardimage.pack(firmware, "pico", private))
    return image


def changed(image: Path, name: str, data: bytes | None, add: bool = False) -> Path:
    """Return a copy of an image with a file replaced, added, or (None) left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(image) as old, zipfile.ZipFile(out, "w") as new:
        for item in old.namelist():
            if item != name:
                new.writestr(item, old.read(item))
            elif data is not None:
                new.writestr(item, data)
        if add and data is not None:
            new.writestr(name, data)
    path = image.with_name("changed.zip")
    path.write_bytes(out.getvalue())
    return path


def test_an_image_is_as_it_was_signed(tmp_path, keys):
    private, public = keys
    image = boardimage.read(packed(tmp_path, private), [public])
    assert image.signer == "release" and image.manifest.version == "0.1.0"
    assert {"main.py", "failsafe.py", "pins_pico.py"} <= image.files.keys()
    for name, data in image.files.items():
        assert data == (FIRMWARE / name).read_bytes()


def test_the_hash_is_the_one_that_the_board_tells(tmp_path, keys):
    """Worked out again here, by the words of board/registers.md."""
    image = boardimage.read(packed(tmp_path, keys[0]), [keys[1]])
    digest = hashlib.sha256()
    for entry in image.manifest.files:  # in the order of FILES
        content = (FIRMWARE / entry.name).read_bytes()
        digest.update(entry.name.encode() + b"\0" + len(content).to_bytes(4, "big") + content)
    assert image.manifest.hash == digest.hexdigest()[:16]


@pytest.mark.parametrize(
    ("name", "data", "add", "tells"),
    [
        ("failsafe.py", b"pass\n", False, "failsafe.py is not as it was signed"),
        ("failsafe.py", None, False, "failsafe.py is missing"),
        ("extra.py", b"pass\n", True, "extra.py is not in the signed list"),
        ("../boot.py", b"pass\n", True, "is no name of a firmware file"),
        ("manifest.sig", None, False, "is not signed"),
        ("manifest.sig", bytes(64), False, "is not signed by a trusted key"),
        ("manifest.json", b"{}", False, "is not signed by a trusted key"),
    ],
)
def test_what_was_changed_after_signing_is_refused(tmp_path, keys, name, data, add, tells):
    image = changed(packed(tmp_path, keys[0]), name, data, add)
    with pytest.raises(BadImage, match=tells):
        boardimage.read(image, [keys[1]])


def test_another_key_or_none_is_refused(tmp_path, keys):
    image = packed(tmp_path, keys[0])
    _, stranger = make_keys(tmp_path, "stranger")
    for trusted in ([], [stranger]):
        with pytest.raises(BadImage, match="is not signed by a trusted key"):
            boardimage.read(image, trusted)
    assert boardimage.read(image, [stranger, keys[1]]).signer == "release"


def test_what_is_no_image_is_refused(tmp_path, keys):
    path = tmp_path / "x.zip"
    for data in (b"", b"PK\x03\x04", os.urandom(500), packed(tmp_path, keys[0]).read_bytes()[:-40]):
        path.write_bytes(data)
        with pytest.raises(BadImage, match="no firmware image"):
            boardimage.read(path, [keys[1]])


def test_an_image_that_is_refused_leaves_the_board_alone(tmp_path, keys, capsys, monkeypatch):
    monkeypatch.setattr(Usb, "call", lambda *_: pytest.fail("the board was touched"))
    image = changed(packed(tmp_path, keys[0]), "main.py", b"while True: pass\n")
    call = ["board", "flash", str(image), "--usb", "/dev/null", "--trust", str(keys[1])]
    assert main(call) == 1
    assert "main.py is not as it was signed" in capsys.readouterr().err


def test_no_board_is_said_in_words(capsys):
    assert main(["board", "info", "--usb", "/dev/nowhere"]) == 1
    assert "/dev/nowhere" in capsys.readouterr().err


# A board ------------------------------------------------------------------------------------------------


@pytest.fixture
def usb() -> Iterator[str]:
    """Return the port of a board without firmware."""
    try:
        package = micropython.package()
    except micropython.Missing as why:
        pytest.skip(str(why))
    master, slave = os.openpty()
    tty.setraw(slave)
    words = ["node", str(ROOT / "tests/fakes/micropython_usb.mjs"), str(package)]
    chip = subprocess.Popen(
        [*words, str(FIRMWARE / "host/machine.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert chip.stdin is not None and chip.stdout is not None
    into, out = chip.stdin, chip.stdout

    def up() -> None:
        while True:
            try:
                into.write(os.read(master, 4096))
            except OSError:
                return

    def down() -> None:
        while data := out.read(4096):
            os.write(master, data)

    first = out.read(1)  # its greeting: it is there
    assert first
    for pump in (up, down):
        threading.Thread(target=pump, daemon=True).start()
    yield os.ttyname(slave)
    chip.kill()
    chip.wait()
    os.close(slave)
    os.close(master)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = main(["board", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_board_is_flashed_looked_at_tested_and_found_altered(tmp_path, keys, usb, capsys, monkeypatch):
    image, trust = str(packed(tmp_path, keys[0])), ["--trust", str(keys[1])]
    assert said(capsys, "info", "--usb", usb, *trust)[1]["version"] is None

    code, answer = said(capsys, "flash", image, "--usb", usb, *trust)
    assert code == 1 and "is for port 'pico'; at" in answer["error"]  # it is no RP2040
    assert "main.py" not in Usb(usb).look().files

    monkeypatch.setattr(command, "MACHINES", {"pico": "Emscripten"})
    code, answer = said(capsys, "flash", image, "--usb", usb, *trust)
    assert code == 0 and answer["version"] == "0.1.0" and answer["signed_by"] == "release"
    board = Usb(usb)
    assert board.look().files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FIRMWARE.glob("*.py")
    }
    board_hash = board.call("exec", "import main; print(main.fingerprint('.'))").strip()
    assert board_hash == answer["hash"]  # the firmware's own word, under MicroPython
    code, answer = said(capsys, "info", "--usb", usb, *trust)
    assert (code, answer["ok"], answer["hash"], answer["differs"]) == (0, True, board_hash, [])

    code, answer = said(capsys, "test", "--usb", usb)
    assert (code, answer.get("tested")) == (0, []), answer  # as delivered, nothing is wired for it

    board.call("exec", "open('failsafe.py', 'a').write('#')")
    code, answer = said(capsys, "info", "--usb", usb, *trust)
    assert (code, answer["differs"]) == (1, ["failsafe.py"])

    older = tmp_path / "older"
    shutil.copytree(FIRMWARE, older)
    points = older / "points.py"
    points.write_text(points.read_text().replace('VERSION = "0.1.0"', 'VERSION = "0.0.9"'))
    image = str(packed(tmp_path, keys[0], older))
    code, answer = said(capsys, "flash", image, "--usb", usb, *trust)
    assert code == 1 and "expected --older to go back" in answer["error"]
    code, answer = said(capsys, "flash", image, "--older", "--usb", usb, *trust)
    assert code == 0 and answer["version"] == "0.0.9"


def test_python_runs_what_the_tests_call() -> None:
    """mpremote is called as a module of this interpreter."""
    done = subprocess.run([sys.executable, "-m", "mpremote", "version"], capture_output=True, check=False)
    assert done.returncode == 0
