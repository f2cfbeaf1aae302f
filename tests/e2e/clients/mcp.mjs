// The MCP SDK against a server behind the gateway: it begins with the server's URL and its own credentials, and learns all
// the rest: 401, protected-resource metadata, authorization-server metadata, a token for that resource, and in. By a secret, and by a
// key of its own. And it stays out: with a wrong secret or key, at a server that its organization does not allow, for want of a scope.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { discoverAuthorizationServerMetadata, discoverOAuthMetadata } from "@modelcontextprotocol/sdk/client/auth.js";
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { decodeJwt, exportJWK, exportPKCS8, generateKeyPair } from "jose";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, MCP_URL, FORBIDDEN_MCP_URL, CLOSED_MCP_URL, ORGANIZATION_ID } = process.env;

function connect(url, provider) {
  const asked = [];
  async function watchingFetch(url, init) {
    const answer = await fetch(url, init);
    asked.push({ line: `${init?.method ?? "GET"} ${new URL(url).pathname} ${answer.status}`, body: init?.body });
    return answer;
  }
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch: watchingFetch });
  const client = new Client({ name: "test", version: "1.0.0" });
  return { client, asked, connected: client.connect(transport) };
}

function bySecret(clientSecret) {
  return new ClientCredentialsProvider({ clientId: CLIENT_ID, clientSecret, expectedIssuer: ISSUER });
}

const path = new URL(MCP_URL).pathname;

async function usesTheServer(provider) {
  const { client, asked, connected } = connect(MCP_URL, provider);
  await connected;
  console.log(asked.map(({ line }) => line).join("\n"));
  assert.deepEqual(asked.slice(0, 5).map(({ line }) => line), [
    `POST ${path} 401`,
    `GET /.well-known/oauth-protected-resource${path} 200`,
    "GET /.well-known/oauth-authorization-server 200",
    "POST /oauth2/token 200",
    `POST ${path} 200`,
  ]);
  // RFC 8707: it says which server the token is for.
  assert.equal(asked[3].body.get("resource"), MCP_URL);
  const { aud, sub, scope } = decodeJwt(provider.tokens().access_token);
  assert.deepEqual({ aud, sub }, { aud: MCP_URL, sub: CLIENT_ID });
  assert.equal(client.getServerVersion().name, "greeter");

  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name), ["greet"]);
  const { content } = await client.callTool({ name: "greet", arguments: {} });
  assert.deepEqual(JSON.parse(content[0].text), { agent: CLIENT_ID, scopes: scope, token: false });
  await client.close();
}

// The code is the class of the SDK's error.
async function staysOut(url, provider, code) {
  const { asked, connected } = connect(url, provider);
  await assert.rejects(connected, (error) => {
    assert.equal(error.errorCode, code, error);
    return true;
  });
  assert.ok(!asked.some(({ line }) => line === `POST ${new URL(url).pathname} 200`));
  assert.equal(provider.tokens(), undefined);
}

await usesTheServer(bySecret(CLIENT_SECRET));
console.log("discovered, got a token for the server, listed its tools and called one");
await staysOut(MCP_URL, bySecret("wrong"), "invalid_client");
console.log("a wrong secret is refused");
await staysOut(FORBIDDEN_MCP_URL, bySecret(CLIENT_SECRET), "invalid_target");
console.log("so is a server that the organization does not allow");

// With all its scopes it lacks the one that this server asks for: told so, it asks again, in vain.
const lacking = bySecret(CLIENT_SECRET);
const closed = connect(CLOSED_MCP_URL, lacking);
await assert.rejects(closed.connected, /403/);
assert.equal(decodeJwt(lacking.tokens().access_token).aud, CLOSED_MCP_URL);
assert.ok(closed.asked.every(({ line }) => line !== `POST ${new URL(CLOSED_MCP_URL).pathname} 200`));
const asIs = await fetch(CLOSED_MCP_URL, { method: "POST", headers: { authorization: `Bearer ${lacking.tokens().access_token}` } });
const metadataUrl = `${ISSUER}/.well-known/oauth-protected-resource${new URL(CLOSED_MCP_URL).pathname}`;
const challenge = asIs.headers.get("www-authenticate");
for (const part of ['error="insufficient_scope"', 'scope="audit:read"', `resource_metadata="${metadataUrl}"`]) {
  assert.ok(challenge.includes(part), challenge);
}
console.log("and one for which a scope is lacking, which it is told");

// The key is registered with the management API, by the secret.
const basic = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64")}`;
const registrar = await fetch(`${ISSUER}/oauth2/token`, {
  method: "POST",
  headers: { authorization: basic, "content-type": "application/x-www-form-urlencoded" },
  body: "grant_type=client_credentials",
});
const { access_token: token } = await registrar.json();
const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
const registered = await fetch(`${ISSUER}/api/v1/agents/${CLIENT_ID}/credentials`, {
  method: "POST",
  headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  body: JSON.stringify({ publicJwk: await exportJWK(publicKey) }),
});
assert.equal(registered.status, 201, await registered.text());
const byKey = async (key) =>
  new PrivateKeyJwtProvider({ clientId: CLIENT_ID, privateKey: await exportPKCS8(key), algorithm: "ES256", expectedIssuer: ISSUER });
await usesTheServer(await byKey(privateKey));
console.log("the same with a key of its own");
const stranger = await generateKeyPair("ES256", { extractable: true });
await staysOut(MCP_URL, await byKey(stranger.privateKey), "invalid_client");
console.log("another key is refused");

// Where clients look: of the earlier protocol, which knows no resource metadata, and for an issuer with a path.
const early = await discoverOAuthMetadata(MCP_URL, { protocolVersion: "2025-03-26" });
assert.equal(early.issuer, ISSUER);
const own = `${ISSUER}/organizations/${ORGANIZATION_ID}`;
const found = await discoverAuthorizationServerMetadata(own);
assert.deepEqual([found.issuer, found.token_endpoint], [own, `${ISSUER}/oauth2/token`]);
console.log("a client of the earlier protocol finds the issuer, and one of an organization's issuer that");
