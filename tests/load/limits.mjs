// How exactly rate limits hold when fifty isolates, or fifty requests at once, count together, and what counting costs. Run by
// `cargo xtask limits`, which builds what it needs:
//
//   node tests/load/limits.mjs --feed PROGRAM --edge cloudflare|spin [--spin-host PROGRAM --component FILE --cache FOLDER]
//
// On Workers: fifty workers of one runtime, each an isolate with an address of its own, that share the shards of the rate limits.
// One client asks all of them, evenly, at moments drawn at random and whether or not it was answered. Ends with an error if more
// was admitted than is promised.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { feed, freePort, spinCommand, startOrigin, values, variables } from "./ground.mjs";
import { describeWorker, runWorkers } from "../../edge/cloudflare/local.mjs";

const NODES = 50;
const SECONDS = 15;
/** Limits of one client, and how many requests a second it sends. The last is far from its limit: what counting costs. */
const ROWS = [
  ["20/1:20", 60],
  ["100/1:100", 250],
  ["300/1:600", 600],
  ["10000/1:20000", 300],
];
/** What is promised: in all, and within any second. */
const MAX_OVER = 0.05;

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

function ask(url, token) {
  return new Promise((resolve, reject) => {
    get(`${url}/verify`, { headers: { authorization: `Bearer ${token}` }, agent }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    }).on("error", reject);
  });
}

async function startWorkers({ port, origin, issuer, folder }) {
  const worker = await describeWorker(variables(origin, issuer));
  const of = (className) => ({ className, useSQLite: true, scriptName: "node-0" });
  const workers = Array.from({ length: NODES }, (_, number) => ({
    ...worker,
    name: `node-${number}`,
    durableObjects: number === 0
      ? worker.durableObjects
      : { STATE_HUB: of("StateHub"), RATE_LIMITER: of("RateLimiter") },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  }));
  const runtime = await runWorkers({ port, persist: join(folder, "edge"), workers });
  await runtime.ready;
  const urls = await Promise.all(workers.map(({ name }) => runtime.unsafeGetDirectURL(name)));
  return { urls: urls.map((url) => url.origin), stop: () => runtime.dispose() };
}

async function startSpin({ port, origin, issuer, folder }) {
  const [program, ...args] = spinCommand({ port, origin, issuer, folder });
  const host = spawn(program, args.map(String), { stdio: ["ignore", "ignore", "inherit"] });
  const stop = async () => {
    host.kill("SIGTERM");
    await new Promise((resolve) => host.once("exit", resolve));
  };
  return { urls: Array(NODES).fill(issuer), stop };
}

async function whenReady(url, token) {
  for (const until = Date.now() + 120_000; Date.now() < until; ) {
    if ((await ask(url, token).catch(() => 0)) === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} does not answer`);
}

/** Sends `rate` requests a second for the time of one measurement; when each was answered, how, and how long it took. */
async function load(urls, token, rate) {
  const answers = [];
  const pending = [];
  const began = performance.now();
  let next = began;
  for (let number = 0; next < began + SECONDS * 1_000; number += 1) {
    const wait = next - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    const sent = performance.now();
    const asked = ask(urls[number % urls.length], token).then((status) => {
      const answered = performance.now();
      answers.push({ at: answered, status, took: answered - sent });
    });
    pending.push(asked);
    next += (-Math.log(1 - Math.random()) * 1_000) / rate;
  }
  await Promise.all(pending);
  return { answers, offered: pending.length, seconds: (performance.now() - began) / 1_000 };
}

function most(times, within) {
  let [from, found] = [0, 0];
  times.forEach((at, to) => {
    while (times[from] < at - within) from += 1;
    found = Math.max(found, to - from + 1);
  });
  return found;
}

async function measure(limit, rate) {
  const folder = mkdtempSync(join(tmpdir(), "agentidp-limits-"));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const origin = await startOrigin(feed("snapshot", issuer, 0, limit), 3);
  const edge = await (values.edge === "spin" ? startSpin : startWorkers)({ port, origin: origin.url, issuer, folder });
  const token = feed("token", issuer);
  try {
    for (const url of new Set(edge.urls)) await whenReady(url, token);
    // What getting ready has used comes back.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const { answers, offered, seconds } = await load(edge.urls, token, rate);
    const others = answers.filter(({ status }) => status !== 200 && status !== 429);
    if (others.length > 0) throw new Error(`${others.length} answers of ${offered} were neither 200 nor 429`);
    const admitted = answers.filter(({ status }) => status === 200);
    const took = admitted.map((answer) => answer.took).sort((one, other) => one - other);
    return { offered, seconds, times: admitted.map(({ at }) => at).sort((one, other) => one - other), took };
  } finally {
    await edge.stop();
    origin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const at = (took, share) => took[Math.floor(took.length * share)];
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const row = (cells, widths = [15, 9, 9, 9, 9, 12, 10, 9, 9]) =>
  console.log(cells.map((cell, number) => String(cell).padStart(widths[number])).join("  "));

console.log(`\n${NODES} ${values.edge === "spin" ? "requests at once on Spin" : "isolates in workerd"}, ${SECONDS} s each`);
row(["limit", "offered/s", "offered", "allowed", "admitted", "over in all", "over in 1 s", "p50 ms", "p99 ms"]);
let broken = false;
for (const [limit, rate] of ROWS) {
  const [, requests, burst] = /^(\d+)\/1:(\d+)$/.exec(limit).map(Number);
  const { offered, seconds, times, took } = await measure(limit, rate);
  const allowed = Math.floor(burst + requests * seconds);
  const over = Math.max(0, times.length / allowed - 1);
  const overInSecond = Math.max(0, most(times, 1_000) / (burst + requests) - 1);
  broken ||= over > MAX_OVER;
  row([limit, rate, offered, allowed, times.length, percent(over), percent(overInSecond), at(took, 0.5).toFixed(2), at(took, 0.99).toFixed(2)]);
}
const { took } = await measure("off", ROWS.at(-1)[1]);
row(["off", ROWS.at(-1)[1], "", "", "", "", "", at(took, 0.5).toFixed(2), at(took, 0.99).toFixed(2)]);
if (broken) console.error("more was admitted than is promised");
process.exit(broken ? 1 : 0);
