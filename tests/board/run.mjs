// Run Python under MicroPython (WebAssembly): node run.mjs PACKAGE REPOSITORY CODE
// The board's files, its `machine` and the checks are at /fw, /host and /tests.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [pkg, repository, code] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(join(pkg, "micropython.mjs")).href);
const mp = await loadMicroPython({ heapsize: 8 << 20, stdout: (line) => console.log(line), linebuffer: true });
for (const [from, to] of [["board", "/fw"], ["board/host", "/host"], ["tests/board", "/tests"]]) {
  mp.FS.mkdir(to);
  for (const name of readdirSync(join(repository, from)).filter((n) => n.endsWith(".py") && n !== "run.py"))
    mp.FS.writeFile(`${to}/${name}`, readFileSync(join(repository, from, name)));
}
try {
  await mp.runPythonAsync('import sys\nsys.path[:0] = ["/fw", "/host", "/tests"]');
  // This port collects garbage only between calls, so a measurement takes several: parts of CODE.
  for (const part of code.split("# ---\n")) await mp.runPythonAsync(part);
} catch (error) {
  console.log(String(error.message).slice(-2000));
  process.exitCode = 1;
}
