// jose against the edge: jwtVerify with the remote key set that discovery names, and the status list that a token names.
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { inflateSync } from "node:zlib";
import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from "jose";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, ORGANIZATION_ID } = process.env;

const metadata = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
const answer = await fetch(metadata.token_endpoint, {
  method: "POST",
  headers: { authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
  body: new URLSearchParams({ grant_type: "client_credentials" }),
});
assert.equal(answer.status, 200);
const { access_token: token } = await answer.json();

const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
const expected = {
  issuer: ISSUER,
  audience: ISSUER,
  typ: "at+jwt",
  algorithms: metadata.id_token_signing_alg_values_supported,
  requiredClaims: ["sub", "client_id", "jti", "iat", "nbf", "exp", "scope", "organization_id"],
};
const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
assert.equal(payload.sub, CLIENT_ID);
assert.equal(payload.client_id, CLIENT_ID);
assert.equal(payload.organization_id, ORGANIZATION_ID);
assert.equal(payload.scope, "agents:read tokens:read");
assert.equal(protectedHeader.typ, "at+jwt");
console.log(`verified a token of key ${protectedHeader.kid} (${protectedHeader.alg})`);

const [header, , signature] = token.split(".");
const forged = btoa(JSON.stringify({ ...payload, scope: "admin:orgs" })).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
await assert.rejects(jwtVerify(`${header}.${forged}.${signature}`, keys, expected), errors.JWSSignatureVerificationFailed);
await assert.rejects(jwtVerify(token, keys, { ...expected, audience: "https://other.example" }), errors.JWTClaimValidationFailed);
assert.deepEqual(Object.keys(decodeProtectedHeader(token)).sort(), ["alg", "kid", "typ"]);
console.log("a forged one and one for another audience are refused");

const { idx, uri } = payload.status.status_list;
async function status() {
  const answer = await fetch(uri, { headers: { accept: "application/statuslist+jwt" } });
  assert.equal(answer.headers.get("content-type"), "application/statuslist+jwt");
  const verified = await jwtVerify(await answer.text(), keys, { typ: "statuslist+jwt", subject: uri, requiredClaims: ["iat", "exp", "ttl"] });
  const { bits, lst } = verified.payload.status_list;
  const bytes = inflateSync(Buffer.from(lst, "base64url"));
  return (bytes[Math.floor((idx * bits) / 8)] >> ((idx * bits) % 8)) & ((1 << bits) - 1);
}
assert.equal(await status(), 0);
const revoked = await fetch(metadata.revocation_endpoint, {
  method: "POST",
  headers: { authorization: `Bearer ${token}` },
  body: new URLSearchParams({ token }),
});
assert.equal(revoked.status, 200);
const began = Date.now();
while ((await status()) !== 1) {
  assert.ok(Date.now() - began < 20_000, "the status list still says that the token is valid");
  await setTimeout(250);
}
console.log(`the status list says so ${Date.now() - began} ms after the token was revoked`);
