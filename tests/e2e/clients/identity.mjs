// Identity documents, checked by other people's tools and nothing of ours: did-resolver with web-did-resolver, the A2A SDK, jose.
import assert from "node:assert/strict";
import { DefaultAgentCardResolver } from "@a2a-js/sdk/client";
import { verifyAgentCardSignature } from "@a2a-js/sdk";
import { Resolver } from "did-resolver";
import { compactVerify, createRemoteJWKSet, decodeProtectedHeader, flattenedVerify, importJWK, jwtVerify } from "jose";
import { getResolver } from "web-did-resolver";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, ORGANIZATION_ID, PRIVATE_AGENT_ID } = process.env;
const instance = `did:web:${new URL(ISSUER).host.replace(":", "%3A")}`;
const agent = `${instance}:agents:${CLIENT_ID}`;
const resolver = new Resolver(getResolver());
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`));

for (const did of [instance, agent]) {
  const { didDocument, didResolutionMetadata } = await resolver.resolve(did);
  assert.equal(didResolutionMetadata.error, undefined, JSON.stringify(didResolutionMetadata));
  assert.equal(didDocument.id, did);
  for (const method of didDocument.verificationMethod) {
    assert.ok(method.id.startsWith(`${did}#`), method.id);
    assert.equal(method.controller, did);
    await importJWK(method.publicKeyJwk, method.publicKeyJwk.alg);
  }
  const ids = didDocument.verificationMethod.map(({ id }) => id);
  for (const id of [...didDocument.assertionMethod, ...didDocument.authentication]) assert.ok(ids.includes(id), id);
  console.log(`did-resolver resolved ${did} with ${ids.length} keys`);
}
const nobody = await resolver.resolve(`${instance}:agents:0198c5a4-0000-7000-8000-00000000dead`);
assert.equal(nobody.didResolutionMetadata.error, "notFound");

/** The key a `kid` names: a DID URL in its DID document, anything else in the key set. Never where a card says. */
async function keyOf(kid, alg) {
  if (!kid.startsWith("did:")) return keys({ kid, alg });
  const { didDocument } = await resolver.resolve(kid.split("#")[0]);
  const method = didDocument.verificationMethod.find(({ id }) => id === kid);
  assert.ok(didDocument.assertionMethod.includes(kid), kid);
  return importJWK(method.publicKeyJwk, method.publicKeyJwk.alg);
}

for (const [base, signer] of [[ISSUER, /^[\w-]{43}$/], [`${ISSUER}/agents/${CLIENT_ID}`, /^did:web:.*#key-1$/]]) {
  const path = base === ISSUER ? ".well-known/agent-card.json" : "agent-card.json";
  const resolved = await new DefaultAgentCardResolver({ path }).resolve(`${base}/`);
  assert.ok(resolved.name && resolved.description && resolved.version);
  assert.ok(resolved.supportedInterfaces.length > 0 && resolved.skills.length > 0);
  const card = await (await fetch(`${base}/${path}`)).json();
  const [{ protected: header }] = card.signatures;
  const { kid, alg, typ, jku } = decodeProtectedHeader(card.signatures[0]);
  assert.match(kid, signer);
  assert.deepEqual([typ, jku], ["JOSE", undefined]);
  const verify = verifyAgentCardSignature((id) => keyOf(id, alg));
  await verify(card);
  await assert.rejects(verify({ ...card, description: "another" }));
  // The same without the SDK: a detached JWS over canonical JSON, which for a card of nothing but text is sorted JSON.
  const { signatures, ...unsigned } = card;
  const sorted = (value) =>
    Array.isArray(value) ? value.map(sorted)
    : value && typeof value === "object" ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]))
    : value;
  const payload = Buffer.from(JSON.stringify(sorted(unsigned))).toString("base64url");
  await flattenedVerify({ ...signatures[0], payload }, await keyOf(kid, alg));
  assert.ok(header);
  console.log(`the A2A SDK read and verified the card of ${card.name} (${alg}, ${kid.slice(0, 24)}…)`);
}

const badge = await fetch(`${ISSUER}/agents/${CLIENT_ID}/badge.jwt`);
assert.equal(badge.headers.get("content-type"), "application/vc+jwt");
const verified = await compactVerify(await badge.text(), keys, { algorithms: ["RS256"] });
const credential = JSON.parse(new TextDecoder().decode(verified.payload));
assert.equal(credential.issuer, instance);
assert.equal(credential.credentialSubject.id, agent);
const record = JSON.parse(credential.credentialSubject.badge);
for (const member of ["name", "version", "schema_version", "description", "authors", "created_at", "skills"]) {
  assert.ok(record[member]?.length > 0, member);
}
assert.deepEqual(record, await (await fetch(`${ISSUER}/agents/${CLIENT_ID}/oasf.json`)).json());
const agntcy = await (await fetch(`${ISSUER}/api/v1/agents/${CLIENT_ID}/did/card`)).json();
assert.equal(agntcy.did, agent);
console.log("jose verified the badge, which holds the OASF record");

for (const path of ["agents/ID/agent-card.json", "api/v1/agents/ID/did/card", "agents/ID/oasf.json", "agents/ID/badge.jwt"]) {
  const answer = await fetch(`${ISSUER}/${path.replace("ID", PRIVATE_AGENT_ID)}`);
  assert.equal(answer.status, 404, path);
  const first = await fetch(`${ISSUER}/${path.replace("ID", CLIENT_ID)}`);
  const again = await fetch(`${ISSUER}/${path.replace("ID", CLIENT_ID)}`, { headers: { "if-none-match": first.headers.get("etag") } });
  assert.equal(again.status, 304, path);
}

const metadata = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
const answer = await fetch(metadata.token_endpoint, {
  method: "POST",
  headers: { authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
  body: new URLSearchParams({ grant_type: "client_credentials", scope: "openid", nonce: "n-0S6_WzA2Mj" }),
});
const { id_token: idToken, access_token: accessToken } = await answer.json();
const { payload: claims, protectedHeader } = await jwtVerify(idToken, keys, {
  issuer: ISSUER,
  audience: CLIENT_ID,
  typ: "JWT",
  algorithms: metadata.id_token_signing_alg_values_supported,
  requiredClaims: ["sub", "exp", "iat", "auth_time", "nonce", "at_hash"],
});
assert.deepEqual([claims.sub, claims.nonce, claims.did, claims.organization_id], [CLIENT_ID, "n-0S6_WzA2Mj", agent, ORGANIZATION_ID]);
const hash = protectedHeader.alg === "EdDSA" ? "SHA-512" : "SHA-256";
const digest = Buffer.from(await crypto.subtle.digest(hash, new TextEncoder().encode(accessToken)));
assert.equal(claims.at_hash, digest.subarray(0, digest.length / 2).toString("base64url"));
const info = await fetch(metadata.userinfo_endpoint, { headers: { authorization: `Bearer ${accessToken}` } });
assert.equal(info.status, 200);
const told = await info.json();
for (const [name, value] of Object.entries(told)) assert.deepEqual(claims[name], value, name);
assert.deepEqual(Object.keys(claims).filter((name) => !metadata.claims_supported.includes(name)), []);
console.log("jose verified the ID token, and /agent-info says the same");
