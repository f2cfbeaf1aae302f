// Runs the built worker in workerd on loopback, from the repository's wrangler.toml.
//
//   node edge/cloudflare/dev.mjs --port 8787 --origin http://127.0.0.1:8080 --issuer http://127.0.0.1:8787 \
//     --feed-public-keys '{"keys":[…]}' --edge-name dev --edge-key-file FILE --persist FOLDER [--upstreams-file FILE]
//
// Says {"event":"ready","url":…} on standard output when it listens; everything else goes to standard error. Ends on SIGTERM
// and SIGINT. Asks nothing of anybody but the control plane.

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

process.env.WRANGLER_SEND_METRICS = "false";
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
process.env.WRANGLER_LOG = "error";

const HOST = "127.0.0.1";
const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function readArguments() {
  const names = ["port", "origin", "issuer", "feed-public-keys", "edge-name", "edge-key-file", "persist"];
  const options = Object.fromEntries([...names, "upstreams-file"].map((name) => [name, { type: "string" }]));
  let values;
  try {
    ({ values } = parseArgs({ options, strict: true }));
  } catch (error) {
    fail(error.message);
  }
  const missing = names.filter((name) => !values[name]);
  if (missing.length > 0) fail(`missing: ${missing.map((name) => `--${name}`).join(" ")}`);
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65535) fail("--port must be a port");
  return { ...values, port };
}

function readOption(values, name) {
  try {
    return readFileSync(values[name], "utf8").trim();
  } catch (error) {
    fail(`--${name} cannot be read: ${error.message}`);
  }
}

/** The worker as wrangler.toml describes it, with the values of this run. */
async function describeWorker(values) {
  const { unstable_getMiniflareWorkerOptions: options } = await import("wrangler");
  const { workerOptions, main } = options(join(ROOT, "wrangler.toml"));
  return {
    ...workerOptions,
    modules: true,
    scriptPath: main,
    modulesRoot: dirname(main),
    bindings: {
      ...workerOptions.bindings,
      ISSUER: values.issuer,
      ORIGIN_URL: values.origin,
      EDGE_NAME: values["edge-name"],
      FEED_PUBLIC_KEYS: values["feed-public-keys"],
      EDGE_KEY: readOption(values, "edge-key-file"),
      ...(values["upstreams-file"] && { UPSTREAMS: readOption(values, "upstreams-file") }),
    },
  };
}

async function start(values) {
  const { Log, LogLevel, Miniflare } = await import("miniflare");
  class ErrorLog extends Log {
    log(message) {
      process.stderr.write(`${message}\n`);
    }
  }
  const persist = resolve(values.persist);
  return new Miniflare({
    host: HOST,
    port: values.port,
    cf: false,
    log: new ErrorLog(LogLevel.WARN),
    handleRuntimeStdio(stdout, stderr) {
      for (const stream of [stdout, stderr]) stream.pipe(process.stderr, { end: false });
    },
    kvPersist: join(persist, "kv"),
    durableObjectsPersist: join(persist, "hub"),
    workers: [await describeWorker(values)],
  });
}

const values = readArguments();
let miniflare;
let ending = false;
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, async () => {
    if (ending) return;
    ending = true;
    await miniflare?.dispose();
    process.exit(0);
  });
}

try {
  miniflare = await start(values);
  await miniflare.ready;
  const url = `http://${HOST}:${values.port}`;
  const answer = await fetch(`${url}/health/live`);
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the worker answers ${answer.status} to /health/live; see above`);
  process.stdout.write(`${JSON.stringify({ event: "ready", url })}\n`);
} catch (error) {
  if (!ending) {
    process.stderr.write(`the edge does not start: ${error.message}\n`);
    await miniflare?.dispose();
    process.exit(1);
  }
}
