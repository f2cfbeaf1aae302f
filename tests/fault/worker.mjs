// The worker that ships, with faults in what the platform gives it: for `cargo xtask fault`, on this machine, and nowhere else.
// `PUT /.faults` sets them: {"store": "up" | "slow" | "down", "hub": "up" | "down" | "forgetful", "clockOffsetMs": 0}.

import Edge, { RateLimiter, StateHub as Hub } from "../../edge/cloudflare/build/index.js";

/** How much later than everyone else a slow store shows what was written. */
const SLOW_BY_MS = 120_000;

const faults = { store: "up", hub: "up", clockOffsetMs: 0 };
const realNow = Date.now.bind(Date);
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length > 0 ? given : [realNow() + faults.clockOffsetMs]));
  }

  static now() {
    return realNow() + faults.clockOffsetMs;
  }
};

/** What was in the store, and what was written to it since and when. */
const written = new Map();

class Store {
  constructor(real) {
    this.real = real;
  }

  async get(key, ...options) {
    if (faults.store === "down") throw new Error("the store is down");
    const history = written.get(key);
    if (faults.store === "up" || !history) return this.real.get(key, ...options);
    return history.findLast(({ at }) => at <= realNow() - SLOW_BY_MS)?.value ?? null;
  }

  async put(key, value, ...options) {
    if (faults.store === "down") throw new Error("the store is down");
    if (!written.has(key)) written.set(key, [{ at: 0, value: await this.real.get(key) }]);
    written.get(key).push({ at: realNow(), value });
    return this.real.put(key, value, ...options);
  }
}

/** By the name of its class it is taken for the platform's. */
class DurableObjectNamespace {
  getByName() {
    throw new Error("the hub is down");
  }
}

function faulty(env) {
  const hub = faults.hub === "down" ? new DurableObjectNamespace() : env.STATE_HUB;
  return { ...env, STORE: new Store(env.STORE), STATE_HUB: hub };
}

/** A hub that forgets after every question what is not in its storage. */
export class StateHub extends Hub {
  constructor(state, env) {
    super(state, faulty(env));
    this.state = state;
  }

  async fetch(request) {
    const answer = await super.fetch(request);
    if (faults.hub === "forgetful") setTimeout(() => this.state.abort("forget"), 0);
    return answer;
  }
}

export { RateLimiter };

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === "/.faults") {
      Object.assign(faults, await request.json());
      return new Response(null, { status: 204 });
    }
    return Edge.fetch(request, faulty(env), context);
  },
};
