// The worker's entry. What is asked most is read here, decided by one call into the WebAssembly (src/at_once.rs), and answered here,
// because every object that WebAssembly asks the runtime for costs more than the decision. No rule is written here: whatever
// the call does not take goes the long way, through the `worker` crate.
//
// `cargo xtask edge-build` puts this before what worker-build wrote.

import Edge from "./build/index.js";

export * from "./build/index.js";

// The exports of the WebAssembly. They stay the same when a new instance takes the place of one that has failed.
const { answer } = Edge.prototype;
const instance = globalThis.__worker_init_state;

// Of a larger body, or one that does not say how large it is, the long way reads no more than it must.
const MAX_BODY_BYTES = 32 * 1024;

export default {
  fetch(request, env, context) {
    const { url } = request;
    // The first slash behind `https://` or `http://h`.
    const path = url.indexOf("/", 8);
    if (path > 0 && !instance.criticalError) {
      if (url.startsWith("/verify", path)) {
        if (request.body === null) return verify(request, url, env, context);
      } else if (url.startsWith("/oauth2/introspect", path)) {
        if (isShortForm(request)) return introspect(request, url, env, context);
      } else if (url.startsWith("/health/live", path) && request.body === null) {
        return verify(request, url, env, context);
      }
    }
    return inFull(request, env, context);
  },
};

function inFull(request, env, context) {
  return new Edge(context, env).fetch(request);
}

function verify(request, url, env, context) {
  const { method, headers } = request;
  const authorization = headers.get("authorization");
  const id = headers.get("x-request-id");
  const text = method + url + (authorization ?? "") + (id ?? "");
  const given = decide(text, method.length, url.length, length(authorization), length(id), -1, -1, undefined, env, context);
  if (typeof given === "string") return told(given);
  if (given === undefined) return inFull(request, env, context);
  return given;
}

function isShortForm({ method, headers }) {
  const size = headers.get("content-length");
  return method === "POST" && size !== null && Number(size) <= MAX_BODY_BYTES;
}

async function introspect(request, url, env, context) {
  const { method, headers } = request;
  const authorization = headers.get("authorization");
  // Whoever proves itself otherwise is asked about at the control plane.
  if (!authorization?.startsWith("Bearer ")) return inFull(request, env, context);
  const id = headers.get("x-request-id");
  const type = headers.get("content-type");
  const address = headers.get("cf-connecting-ip");
  let body;
  try {
    body = new Uint8Array(await request.arrayBuffer());
  } catch {
    // The client is gone.
    return new Response(null, { status: 400 });
  }
  const text = method + url + authorization + (id ?? "") + (type ?? "") + (address ?? "");
  const lengths = [method.length, url.length, authorization.length, length(id), length(type), length(address)];
  const given = decide(text, ...lengths, body, env, context);
  if (typeof given === "string") return told(given);
  if (given === undefined) return inFull(new Request(url, { method, headers, body, cf: request.cf }), env, context);
  return given;
}

// As worker-build does it: an instance that has trapped is replaced before the next request.
// Named one by one: rest parameters would make a list of every request.
function decide(a, b, c, d, e, f, g, h, i, j) {
  try {
    return answer(a, b, c, d, e, f, g, h, i, j);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) {
      console.error("Critical", error);
      instance.criticalError = true;
    }
    throw error;
  }
}

function length(text) {
  return text === null ? -1 : text.length;
}

// The lists of headers that answers have had so far. There are few: what an answer is about decides them.
const lists = new Map();

// The status, the names of the headers, the value of each, the body: a line each.
function told(text) {
  const lines = text.split("\n");
  let names = lists.get(lines[1]);
  if (names === undefined) {
    names = lines[1] === "" ? [] : lines[1].split(" ");
    if (lists.size < 256) lists.set(lines[1], names);
  }
  const headers = {};
  for (let at = 0; at < names.length; at += 1) headers[names[at]] = lines[at + 2];
  return new Response(lines[names.length + 2] || null, { status: Number(lines[0]), headers });
}
