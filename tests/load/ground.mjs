// What measurements of an edge stand on: a feed, signed as a control plane would sign it, and the address it is served at.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";

const KEY = "the-key-of-an-edge-that-is-only-measured";
const NAME = "measured";

const options = Object.fromEntries(
  ["feed", "edge", "spin-host", "component", "cache"].map((name) => [name, { type: "string" }]),
);
export const { values } = parseArgs({ options, strict: true });

/** The pieces of a feed, by the program that makes them. */
export function feed(...args) {
  return execFileSync(values.feed, args.map(String), { maxBuffer: 1 << 28, encoding: "latin1" }).trim();
}

function listen(handler) {
  const server = createServer(handler);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

export async function freePort() {
  const server = await listen(() => {});
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Answers as a control plane does whose feed is `snapshot` up to `sequence`, with nothing new. */
export async function startOrigin(snapshot, sequence) {
  const server = await listen((request, answer) => {
    const isSnapshot = request.url === "/edge/v1/snapshot";
    if (request.url === "/edge/v1/usage") return answer.writeHead(204).end();
    if (!isSnapshot && !request.url.startsWith("/edge/v1/changes")) return answer.writeHead(404).end();
    answer.writeHead(200, { "content-type": "application/jose" });
    answer.end(isSnapshot ? snapshot : feed("nothing-new", sequence));
  });
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

function writeKey(folder) {
  const file = join(folder, "key");
  writeFileSync(file, KEY);
  return file;
}

/** What an edge on Workers must be told. */
export function variables(origin, issuer) {
  return { ISSUER: issuer, ORIGIN_URL: origin, EDGE_NAME: NAME, EDGE_KEY: KEY, FEED_PUBLIC_KEYS: feed("keys") };
}

/** The command that runs an edge on Spin. */
export function spinCommand({ port, origin, issuer, folder }) {
  const told = { issuer, origin_url: origin, edge_name: NAME, feed_public_keys: feed("keys") };
  return [
    values["spin-host"], "--manifest", "spin.toml", "--component", values.component,
    "--listen", `127.0.0.1:${port}`, "--store", join(folder, "store.sqlite"), "--cache", values.cache,
    "--max-memory-mib", "1024", "--variable-file", `edge_key=${writeKey(folder)}`,
    ...Object.entries(told).flatMap(([name, value]) => ["--variable", `${name}=${value}`]),
  ];
}
