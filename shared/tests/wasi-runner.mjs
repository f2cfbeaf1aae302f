// Runs a wasm32-wasip1 program (a test binary) under Node's own WASI, as a cargo runner:
//   CARGO_TARGET_WASM32_WASIP1_RUNNER="node shared/tests/wasi-runner.mjs"
import { readFile } from "node:fs/promises";
import process from "node:process";

// The module says on every start that it is experimental; the report of the tests is what should be read here.
process.removeAllListeners("warning");
const { WASI } = await import("node:wasi");

const [program, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [program, ...args], env: { RUST_BACKTRACE: "1" }, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
