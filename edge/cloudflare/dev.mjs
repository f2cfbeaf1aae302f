// Runs the built worker in workerd on loopback, from the repository's wrangler.toml.
//
//   node edge/cloudflare/dev.mjs --port 8787 --origin http://127.0.0.1:8080 --issuer http://127.0.0.1:8787 \
//     --feed-public-keys '{"keys":[…]}' --edge-name dev --edge-key-file FILE --persist FOLDER [--upstreams-file FILE]
//     [--around MODULE]
//
// Says {"event":"ready","url":…} on standard output when it listens; everything else goes to standard error. Ends on SIGTERM
// and SIGINT. Asks nothing of anybody but the control plane.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { HOST, describeWorker, runWorkers } from "./local.mjs";

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function readArguments() {
  const names = ["port", "origin", "issuer", "feed-public-keys", "edge-name", "edge-key-file", "persist"];
  const options = Object.fromEntries([...names, "upstreams-file", "around"].map((name) => [name, { type: "string" }]));
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
  const variables = {
    ISSUER: values.issuer,
    ORIGIN_URL: values.origin,
    EDGE_NAME: values["edge-name"],
    FEED_PUBLIC_KEYS: values["feed-public-keys"],
    EDGE_KEY: readOption(values, "edge-key-file"),
    ...(values["upstreams-file"] && { UPSTREAMS: readOption(values, "upstreams-file") }),
  };
  const worker = await describeWorker(variables, values.around);
  miniflare = await runWorkers({ port: values.port, persist: values.persist, workers: [worker] });
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
