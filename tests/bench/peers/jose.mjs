// The peer of the edge's verification: a worker in JavaScript that does what its users would write, with `jose`, and says who was
// verified in the same headers. `/floor` answers without doing anything.

import { createLocalJWKSet, jwtVerify } from "jose";

let keys;
let options;

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/floor") return new Response(null, { status: 200 });
    keys ??= createLocalJWKSet(JSON.parse(env.JWKS));
    options ??= { issuer: env.ISSUER, audience: env.ISSUER, typ: "at+jwt", requiredClaims: ["sub", "iat", "jti"] };
    const token = request.headers.get("authorization")?.replace(/^Bearer /, "");
    if (!token) return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
    try {
      const { payload } = await jwtVerify(token, keys, options);
      return new Response(null, {
        status: 200,
        headers: {
          "x-agent-id": payload.sub,
          "x-agent-scopes": payload.scope,
          "x-agent-organization": payload.organization_id,
          "x-request-id": request.headers.get("x-request-id") ?? crypto.randomUUID(),
          "cache-control": "no-store",
        },
      });
    } catch (error) {
      return new Response(null, { status: 401, headers: { "www-authenticate": `Bearer error="invalid_token"` } });
    }
  },
};
