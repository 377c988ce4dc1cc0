"""`depot board`: the fail-safe I/O board on USB: what is on it, its firmware, its self-test."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge.cli import CallError
from edge.shell import boardimage
from edge.shell.boardimage import BadImage, Image, Manifest, NoLibrary
from edge.shell.boardusb import Seen, Usb, UsbTrouble
from edge.shell.firmware import FIRMWARE

KEYS = Path("/etc/depot-edge/board-keys")
MACHINES = {"pico": "RP2040"}  # port -> a word of what MicroPython calls the machine

EPILOG = (
    """examples:
  depot board info --usb /dev/ttyACM0              version, hash, and whether it is as it was signed
  depot board flash firmware.zip --usb /dev/ttyACM0
  depot board test --usb /dev/ttyACM0              relays and inputs that are wired for it
  depot board pack --key release.key --out firmware.zip      where images are made, not on a gateway

info, flash and test stop the board for a while: every relay opens.  Over the bus, and without stopping it:
  depot read io-board --site site.toml
  depot write io-board command 1 --site site.toml            begins a self-test

Trusted keys: public Ed25519 keys in PEM, *.pem in """
    f"{KEYS}"
    """, or --trust FILE.

exit 0: done.  1: the answer is no: not signed, not as signed, another board, a failed test, no answer.
2: the call or a file is wrong.
"""
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `depot board` takes."""
    parser.epilog = EPILOG
    does = parser.add_subparsers(dest="does", metavar="ACTION", required=True)
    info = does.add_parser("info", help="what is on the board")
    flash = does.add_parser("flash", help="put a signed image on the board")
    flash.add_argument("image", type=Path, help="a signed firmware image (zip)")
    flash.add_argument("--older", action="store_true", help="also where the board has a newer version")
    test = does.add_parser("test", help="run the board's self-test")
    for one in (info, flash, test):
        one.add_argument("--usb", required=True, metavar="PORT", help="its USB port, such as /dev/ttyACM0")
        one.add_argument("--json", action="store_true", help="one JSON document on standard output")
    for one in (info, flash):
        one.add_argument("--trust", action="append", type=Path, metavar="FILE", help="a public key in PEM")
    pack = does.add_parser("pack", help="make a signed image")
    pack.add_argument("--key", required=True, type=Path, metavar="FILE", help="private Ed25519 key in PEM")
    pack.add_argument("--out", required=True, type=Path, metavar="FILE", help="the image to write")
    pack.add_argument("--firmware", type=Path, default=FIRMWARE, metavar="DIR", help="the firmware's folder")
    pack.add_argument("--port", default="pico", help="the hardware: pins_<port>.py (default pico)")


def run(args: argparse.Namespace) -> int:
    """Do one of it."""
    try:
        if args.does == "pack":
            return _pack(args)
        usb = Usb(args.usb)
        if args.does == "flash":
            return _flash(args, usb)
        return _info(args, usb) if args.does == "info" else _test(args, usb)
    except (BadImage, UsbTrouble) as error:
        print(f"depot board: {error}", file=sys.stderr)
        if getattr(args, "json", False):
            print(json.dumps({"ok": False, "error": str(error)}))
        return 1
    except (NoLibrary, OSError, ValueError) as error:
        raise CallError(f"board: {error}") from None


def trusted(args: argparse.Namespace) -> list[Path]:
    """Return the public keys that may sign firmware."""
    return list(args.trust) if args.trust else sorted(KEYS.glob("*.pem"))


# info ------------------------------------------------------------------------------------------------


def _info(args: argparse.Namespace, usb: Usb) -> int:
    seen = usb.look()
    usb.restart()
    said = described(seen, trusted(args))
    if args.json:
        print(json.dumps(said))
    else:
        print(f"{args.usb}: {said['machine']}")
        print(f"  firmware   {said['version'] or 'none that is signed'}, hash {said['hash'] or '-'}")
        print(f"  signed by  {said['signed_by'] or 'nobody whom this machine trusts'}")
        print(f"  files      {', '.join(said['differs']) or 'none'} not as signed")
    return 0 if said["ok"] else 1


def described(seen: Seen, keys: list[Path]) -> dict[str, Any]:
    """Return what is on a board, and whether it is what somebody trusted has signed."""
    manifest, signer = installed(seen), None
    if seen.signed is not None:
        signer = boardimage.signed_by(*seen.signed, keys)
    named = {entry.name: entry.sha256 for entry in manifest.files} if manifest else {}
    there = {name: digest for name, digest in seen.files.items() if name != "boot.py"}
    differs = sorted(n for n in named.keys() | there.keys() if named.get(n) != there.get(n))
    return {
        "ok": manifest is not None and signer is not None and not differs,
        "machine": seen.machine,
        "version": manifest.version if manifest else None,
        "hash": manifest.hash if manifest else None,
        "signed_by": signer,
        "differs": differs,
    }


def installed(seen: Seen) -> Manifest | None:
    """Return the manifest that is on a board, None where there is none that reads."""
    if seen.signed is None:
        return None
    try:
        return boardimage.parsed(Path("the board"), seen.signed[0])
    except BadImage:
        return None


# flash -----------------------------------------------------------------------------------------------


def _flash(args: argparse.Namespace, usb: Usb) -> int:
    image = boardimage.read(args.image, trusted(args))  # before the board is touched
    seen = usb.look()
    try:
        _fits(args, image, seen)
    except BadImage:
        usb.restart()
        raise
    usb.flash(image, seen)
    usb.restart()
    manifest = image.manifest
    said = {"ok": True, "version": manifest.version, "hash": manifest.hash, "signed_by": image.signer}
    words = (
        f"{args.usb}: {manifest.version}, hash {manifest.hash}, signed by {image.signer}: flashed, restarted"
    )
    print(json.dumps(said) if args.json else words)
    return 0


def _fits(args: argparse.Namespace, image: Image, seen: Seen) -> None:
    """Refuse an image that is for another board, or older than what is there."""
    manifest = image.manifest
    word = MACHINES.get(manifest.port)
    if word is None or word not in seen.machine:
        raise BadImage(f"{args.image}: is for port {manifest.port!r}; at {args.usb} is {seen.machine!r}")
    there = installed(seen)
    newer = there and boardimage.version_of(there.version) > boardimage.version_of(manifest.version)
    if there and newer and not args.older:
        raise BadImage(
            f"{args.image}: is {manifest.version}; the board has {there.version}: expected --older to go back"
        )


# test, pack ------------------------------------------------------------------------------------------


def _test(args: argparse.Namespace, usb: Usb) -> int:
    result, failed, feedback, supply, faults = usb.test()
    usb.restart()
    relays = [n + 1 for n in range(4) if feedback >> n & 1]
    wrong = [f"relay {n + 1}" for n in range(4) if failed >> n & 1]
    wrong += [f"input {n + 1}" for n in range(4) if failed >> (8 + n) & 1]
    if result not in (2, 3):
        raise UsbTrouble(
            f"{args.usb}: the self-test did not run: is the emergency stop pressed or not wired?"
        )
    passed = result == 2
    tested = [f"relay {n}" for n in relays] + (["inputs"] if supply else [])
    if args.json:
        print(json.dumps({"ok": passed, "tested": tested, "failed": wrong, "faults": faults}))
    else:
        print(f"{args.usb}: {'passed' if passed else 'FAILED'}; tested: {', '.join(tested) or 'nothing'}")
        if wrong:
            print(f"  failed: {', '.join(wrong)}")
        if not tested:
            print("  no feedback contact is wired (register 27), and the inputs' supply is not switched (37)")
    return 0 if passed else 1


def _pack(args: argparse.Namespace) -> int:
    data = boardimage.pack(args.firmware, args.port, args.key)
    args.out.write_bytes(data)
    print(f"{args.out}: {len(data)} bytes", file=sys.stderr)
    return 0
