// jose against the edge: jwtVerify with the remote key set that discovery names.
import assert from "node:assert/strict";
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
