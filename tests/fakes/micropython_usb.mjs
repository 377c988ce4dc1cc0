// A board on USB: MicroPython (WebAssembly) whose console is standard input and output.
// node micropython_usb.mjs PACKAGE MACHINE.PY      its `machine` is the firmware's own shim for a PC
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [pkg, machine] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(join(pkg, "micropython.mjs")).href);
const mp = await loadMicroPython({
  heapsize: 4 << 20,
  linebuffer: false,
  stdout: (bytes) => process.stdout.write(Buffer.from(bytes)),
});
mp.FS.mkdir("/lib");
mp.FS.writeFile("/lib/machine.py", `${readFileSync(machine)}
class _Quiet:
    def any(self):
        return 0
open_line = lambda *how: _Quiet()
PINS[15] = 0  # the loop of the emergency stop is closed
on_reset = lambda why: open("/was_reset", "w").close()
`);
// Emscripten numbers errors in its own way; on a board, a file that is not there is error 2.
mp.FS.writeFile("/lib/os.py", `
from uos import *
import uos
def stat(path):
    try:
        return uos.stat(path)
    except OSError:
        raise OSError(2)
`);
mp.runPython("import sys\nsys.path[:] = ['', '/', '/lib']");
mp.replInit();
// Raw paste needs a console that can be waited for, and there is none here: it is declined, as the protocol
// allows (MicroPython's reference, "Raw-paste mode").
const PASTE = Buffer.from("\x05A\x01");
for await (const data of process.stdin) {
  if (data.equals(PASTE)) process.stdout.write("R\x00");
  else for (const byte of data) mp.replProcessChar(byte);
}
