// What it takes an edge to begin: from its process's start to the first verdict, memory, and the time of a verdict, by how many
// tokens are revoked. Run by `cargo xtask bench`, which builds what it needs:
//
//   node tests/load/start.mjs --feed PROGRAM --edge cloudflare|spin [--spin-host PROGRAM --component FILE --cache FOLDER]
//
// The feed comes from here, signed as a control plane would sign it; the edge is the one that ships.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { NAME, feed, freePort, spinCommand, startOrigin, values, writeKey } from "./ground.mjs";

const COUNTS = [0, 10_000, 100_000, 1_000_000];
const REQUESTS = 2_000;

function command({ port, origin, issuer, folder }) {
  if (values.edge === "spin") return spinCommand({ port, origin, issuer, folder });
  return [
    process.execPath, "edge/cloudflare/dev.mjs", "--port", port, "--origin", origin, "--issuer", issuer,
    "--feed-public-keys", feed("keys"), "--edge-name", NAME, "--edge-key-file", writeKey(folder),
    "--persist", join(folder, "edge"),
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
  const snapshot = feed("snapshot", issuer, count);
  const origin = await startOrigin(snapshot, count + 3);
  const [program, ...args] = command({ port, origin: origin.url, issuer, folder });
  const token = feed("token", issuer);
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
    origin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(`  revoked   snapshot MiB   first verdict ms   memory MiB   p50 ms    p99 ms    (${values.edge})`);
for (const count of COUNTS) await measure(count);
process.exit(0);
