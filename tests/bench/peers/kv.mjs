// What a KV namespace is to workerd: a service that is asked over HTTP. In memory, which is more than the edge needs here.

const values = new Map();

export default {
  async fetch(request) {
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (request.method === "PUT") {
      values.set(key, await request.arrayBuffer());
      return new Response(null, { status: 200 });
    }
    if (request.method === "DELETE") {
      values.delete(key);
      return new Response(null, { status: 204 });
    }
    return values.has(key) ? new Response(values.get(key)) : new Response(null, { status: 404 });
  },
};
