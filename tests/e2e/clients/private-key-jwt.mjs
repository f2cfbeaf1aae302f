// openid-client against the edge with private_key_jwt: discovery, client_credentials, introspection, revocation, by a key of each
// algorithm. The secret is used once, to register the keys. Loopback http has to be allowed explicitly.
import assert from "node:assert/strict";
import * as client from "openid-client";

const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
const insecure = { execute: [client.allowInsecureRequests] };
const algorithms = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
  // As it was called first, and as Web Cryptography and this client call it now.
  Ed25519: { name: "Ed25519" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
};

const bySecret = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, insecure);
const metadata = bySecret.serverMetadata();
for (const endpoint of ["token", "introspection", "revocation"]) {
  assert.ok(metadata[`${endpoint}_endpoint_auth_methods_supported`].includes("private_key_jwt"));
  assert.deepEqual(metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`], Object.keys(algorithms));
}
const { access_token: registrar } = await client.clientCredentialsGrant(bySecret);

for (const [alg, parameters] of Object.entries(algorithms)) {
  const pair = await crypto.subtle.generateKey(parameters, false, ["sign", "verify"]);
  const publicJwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), alg };
  const registered = await fetch(`${ISSUER}/api/v1/agents/${CLIENT_ID}/credentials`, {
    method: "POST",
    headers: { authorization: `Bearer ${registrar}`, "content-type": "application/json" },
    body: JSON.stringify({ publicJwk }),
  });
  const credential = await registered.json();
  assert.equal(registered.status, 201, JSON.stringify(credential));
  assert.deepEqual([credential.kind, credential.clientSecret], ["private_key_jwt", undefined]);

  const named = { [client.modifyAssertion]: (header) => (header.alg = alg) };
  const authentication = client.PrivateKeyJwt({ key: pair.privateKey, kid: credential.kid }, named);
  const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, authentication, insecure);
  const token = await client.clientCredentialsGrant(config, { scope: "tokens:read" });
  assert.equal(token.scope, "tokens:read");
  assert.equal((await client.tokenIntrospection(config, token.access_token)).active, true);
  await client.tokenRevocation(config, token.access_token);

  const stranger = await crypto.subtle.generateKey(parameters, false, ["sign", "verify"]);
  const wrong = client.PrivateKeyJwt({ key: stranger.privateKey, kid: credential.kid });
  const refused = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, wrong, insecure);
  await assert.rejects(client.clientCredentialsGrant(refused), (error) => {
    assert.equal(error.status ?? error.cause?.status ?? error.response?.status, 401);
    return true;
  });
  console.log(`${alg}: registered a key, got, introspected and revoked a token, and another key is refused`);
}
