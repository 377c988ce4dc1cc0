// The whole firmware under MicroPython (WebAssembly), its RS-485 a terminal, as board/host/run.py is under CPython:
// node micropython_board.mjs PACKAGE REPOSITORY PORT
// stdin: "input N closed|open".  stdout: a JSON document whenever the relays change, as run.py's.
import { openSync, readFileSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ReadStream } from "node:tty";
import { pathToFileURL } from "node:url";

const [pkg, repository, port] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(join(pkg, "micropython.mjs")).href);
const mp = await loadMicroPython({ heapsize: 8 << 20, stdout: (line) => console.error(line), linebuffer: true });
for (const [from, to] of [["board", "/fw"], ["board/host", "/host"]]) {
  mp.FS.mkdir(to);
  for (const name of readdirSync(join(repository, from)).filter((n) => n.endsWith(".py") && n !== "run.py"))
    mp.FS.writeFile(`${to}/${name}`, readFileSync(join(repository, from, name)));
}

const terminal = openSync(port, "r+");
const line = new ReadStream(terminal);
const coming = [];
line.setRawMode(true);
line.on("data", (bytes) => coming.push(...bytes));
line.on("error", () => process.exit(0)); // the other end has gone: the test is over
const going = [];
mp.registerJsModule("wire", {
  any: () => coming.length,
  next: () => coming.shift(),
  put: (byte) => going.push(byte),
  send: () => writeSync(terminal, Buffer.from(going.splice(0))),
});
await mp.runPythonAsync(`
import sys
sys.path[:0] = ["/fw", "/host"]
import machine, wire

class Line:
    def any(self):
        return wire.any()
    def readinto(self, buffer, count):
        for n in range(count):
            buffer[n] = wire.next()
        return count
    def write(self, data):
        for byte in data:
            wire.put(byte)
        wire.send()
    def txdone(self):
        return True

machine.open_line = lambda *how: Line()
machine.I2C_DEVICES[0x48] = {0: b"\\x16\\x80"}
import main, pins_pico
firmware = main.Firmware(pins_pico, "/fw")
loops = [0, 1, 0, 0]  # the loop of the emergency stop is closed

def turn(index, closed):
    loops[index] = closed

def once():
    pins = machine.PINS
    for n in range(4):
        pins[10 + n] = 1 - pins[6 + n]
        pins[14 + n] = 0 if loops[n] and not pins[18] else 1
    firmware.loop()
    return pins[6] | pins[7] << 1 | pins[8] << 2 | pins[9] << 3
`);
const [once, turn] = [mp.globals.get("once"), mp.globals.get("turn")];
createInterface({ input: process.stdin }).on("line", (text) => {
  const [, number, state] = text.split(" ");
  turn(Number(number) - 1, state === "closed" ? 1 : 0);
});
let said = -1, stall = 0n, last = process.hrtime.bigint();
setInterval(() => {
  const relays = once();
  const now = process.hrtime.bigint(); // CLOCK_MONOTONIC, as Python's time.monotonic_ns()
  if (now - last > stall) stall = now - last;
  last = now;
  if (relays === said) return;
  said = relays;
  console.log(JSON.stringify({ ns: Number(now), relays, cut: 0, start: 1, stall_ns: Number(stall) }));
  stall = 0n;
}, 1);
