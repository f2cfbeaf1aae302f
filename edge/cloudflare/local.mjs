// workerd on this machine, from the repository's wrangler.toml and the built worker. Asks nothing of anybody but the control plane.

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

process.env.WRANGLER_SEND_METRICS = "false";
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
process.env.WRANGLER_LOG = "error";

export const HOST = "127.0.0.1";
const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * The worker as wrangler.toml describes it, with other values of its variables. `around` is another module to run in its place,
 * which imports the built one.
 */
export async function describeWorker(bindings, around) {
  const { unstable_getMiniflareWorkerOptions: options } = await import("wrangler");
  const { workerOptions, main } = options(join(ROOT, "wrangler.toml"));
  const script = around ? resolve(around) : main;
  return {
    ...workerOptions,
    modules: true,
    modulesRules: [
      { type: "ESModule", include: ["**/*.js", "**/*.mjs"] },
      { type: "CompiledWasm", include: ["**/*.wasm"] },
    ],
    scriptPath: script,
    modulesRoot: around ? ROOT : dirname(main),
    bindings: { ...workerOptions.bindings, ...bindings },
  };
}

/** Starts the runtime; the first of the workers answers at `port`. What they say goes to standard error. */
export async function runWorkers({ port, persist, workers }) {
  const { Log, LogLevel, Miniflare } = await import("miniflare");
  class ErrorLog extends Log {
    log(message) {
      process.stderr.write(`${message}\n`);
    }
  }
  const folder = resolve(persist);
  return new Miniflare({
    host: HOST,
    port,
    cf: false,
    log: new ErrorLog(LogLevel.WARN),
    handleRuntimeStdio(stdout, stderr) {
      for (const stream of [stdout, stderr]) stream.pipe(process.stderr, { end: false });
    },
    kvPersist: join(folder, "kv"),
    durableObjectsPersist: join(folder, "hub"),
    workers,
  });
}
