// What it takes an edge to begin: from its process's start to the first verdict, memory, and the time of a verdict, by how many
// tokens are revoked. Run by `cargo xtask bench`, which builds what it needs:
//
//   node tests/load/start.mjs --million PROGRAM --edge cloudflare|spin [--spin-host PROGRAM --component FILE --cache FOLDER]
//
// The feed comes from here, signed as a control plane would sign it; the edge is the one that ships.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const KEY = "the-key-of-an-edge-that-is-only-measured";
const COUNTS = [0, 10_000, 100_000, 1_000_000];
const REQUESTS = 2_000;

const options = Object.fromEntries(
  ["million", "edge", "spin-host", "component", "cache"].map((name) => [name, { type: "string" }]),
);
const { values } = parseArgs({ options, strict: true });
const million = (...args) =>
  execFileSync(values.million, args.map(String), { maxBuffer: 1 << 28, encoding: "latin1" }).trim();

function listen(handler) {
  const server = createServer(handler);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

async function freePort() {
  const server = await listen(() => {});
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function command({ port, origin, issuer, folder }) {
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, KEY);
  if (values.edge === "cloudflare") {
    return [
      process.execPath, "edge/cloudflare/dev.mjs", "--port", port, "--origin", origin, "--issuer", issuer,
      "--feed-public-keys", million("keys"), "--edge-name", "measured", "--edge-key-file", keyFile,
      "--persist", join(folder, "edge"),
    ];
  }
  const variables = { issuer, origin_url: origin, edge_name: "measured", feed_public_keys: million("keys") };
  return [
    values["spin-host"], "--manifest", "spin.toml", "--component", values.component,
    "--listen", `127.0.0.1:${port}`, "--store", join(folder, "store.sqlite"), "--cache", values.cache,
    "--max-memory-mib", "1024", "--variable-file", `edge_key=${keyFile}`,
    ...Object.entries(variables).flatMap(([name, value]) => ["--variable", `${name}=${value}`]),
  ];
}

/** Memory in MiB of a process and all below it, without what they share with nobody's files. */
function residentMemory(pid) {
  const parents = new Map();
  const resident = new Map();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${entry}/status`, "latin1");
      parents.set(Number(entry), Number(/^PPid:\s+(\d+)/m.exec(status)[1]));
      resident.set(Number(entry), [/^Name:\s+(\S+)/m.exec(status)[1], Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const below = (process) => process === pid || (parents.has(process) && below(parents.get(process)));
  const runtime = values.edge === "cloudflare" ? /workerd/ : /agentidp-spin/;
  return [...resident].filter(([process, [name]]) => below(process) && runtime.test(name))
    .reduce((sum, [, [, kib]]) => sum + kib, 0) / 1024;
}

const connections = new Agent({ keepAlive: true, maxSockets: 1 });

function ask(url, token) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    get(url, { headers, agent: connections }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    }).on("error", reject);
  });
}

async function measure(count) {
  const folder = mkdtempSync(join(tmpdir(), "agentidp-start-"));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const snapshot = million("snapshot", issuer, count);
  const origin = await listen((request, answer) => {
    const isSnapshot = request.url === "/edge/v1/snapshot";
    if (!isSnapshot && !request.url.startsWith("/edge/v1/changes")) return answer.writeHead(404).end();
    answer.writeHead(200, { "content-type": "application/jose" });
    answer.end(isSnapshot ? snapshot : million("nothing-new", count + 2));
  });
  const [program, ...args] = command({ port, origin: `http://127.0.0.1:${origin.address().port}`, issuer, folder });
  const token = million("token", issuer);
  const started = performance.now();
  const edge = spawn(program, args.map(String), { stdio: ["ignore", "ignore", "inherit"] });
  try {
    let first;
    while (first === undefined) {
      const status = await ask(`${issuer}/verify`, token).catch(() => undefined);
      if (status === 200) first = performance.now() - started;
      else if (performance.now() - started > 120_000) throw new Error(`no verdict within two minutes (${status})`);
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const took = [];
    for (let request = 0; request < REQUESTS; request += 1) {
      const before = performance.now();
      const status = await ask(`${issuer}/verify`, token);
      took.push(performance.now() - before);
      if (status !== 200) throw new Error(`a good token was refused: ${status}`);
    }
    took.sort((one, other) => one - other);
    const at = (share) => took[Math.floor(took.length * share)].toFixed(2).padStart(8);
    console.log(
      `${String(count).padStart(9)}   ${(snapshot.length / 2 ** 20).toFixed(1).padStart(12)}   ` +
        `${first.toFixed(0).padStart(16)}   ${residentMemory(edge.pid).toFixed(0).padStart(10)}   ${at(0.5)}   ${at(0.99)}`,
    );
  } finally {
    edge.kill("SIGTERM");
    await new Promise((resolve) => edge.once("exit", resolve));
    origin.closeAllConnections();
    origin.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(`  revoked   snapshot MiB   first verdict ms   memory MiB   p50 ms    p99 ms    (${values.edge})`);
for (const count of COUNTS) await measure(count);
process.exit(0);
