// The peer of the control plane: node-oidc-provider, with everything in its memory. Tokens of the resource `urn:jwt` are JWTs signed
// with ES256, as ours are; those of `urn:opaque` are references, because it introspects only such.
//
//   node tests/bench/peers/provider.mjs PORT CLIENT SECRET

import { generateKeyPairSync } from "node:crypto";

import Provider from "oidc-provider";

const [port, client, secret] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const lifetime = 3600;

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: client,
      client_secret: secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: "ES256",
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: "key" }] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: "agents:read",
        accessTokenTTL: lifetime,
        accessTokenFormat: resource === "urn:jwt" ? "jwt" : "opaque",
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});

provider.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ event: "ready" })));
