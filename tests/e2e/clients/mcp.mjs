// The MCP SDK against a server behind the gateway: it begins with the server's URL and its own credentials, and learns all
// the rest: 401, protected-resource metadata, authorization-server metadata, a token for that resource, and in.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { decodeJwt } from "jose";

const { ISSUER, CLIENT_ID, CLIENT_SECRET, MCP_URL } = process.env;

const asked = [];
async function watchingFetch(url, init) {
  const answer = await fetch(url, init);
  asked.push(`${init?.method ?? "GET"} ${new URL(url).pathname} ${answer.status}`);
  return answer;
}

function connect(secret) {
  const provider = new ClientCredentialsProvider({ clientId: CLIENT_ID, clientSecret: secret, expectedIssuer: ISSUER });
  const transport = new StreamableHTTPClientTransport(new URL(MCP_URL), { authProvider: provider, fetch: watchingFetch });
  const client = new Client({ name: "test", version: "1.0.0" });
  return { provider, client, connected: client.connect(transport) };
}

const { provider, client, connected } = connect(CLIENT_SECRET);
await connected;
console.log(asked.join("\n"));
const path = new URL(MCP_URL).pathname;
assert.deepEqual(asked.slice(0, 5), [
  `POST ${path} 401`,
  `GET /.well-known/oauth-protected-resource${path} 200`,
  "GET /.well-known/oauth-authorization-server 200",
  "POST /oauth2/token 200",
  `POST ${path} 200`,
]);
const { aud, sub, scope } = decodeJwt(provider.tokens().access_token);
assert.deepEqual({ aud, sub }, { aud: MCP_URL, sub: CLIENT_ID });
assert.equal(client.getServerVersion().name, "greeter");

const { tools } = await client.listTools();
assert.deepEqual(tools.map((tool) => tool.name), ["greet"]);
const { content } = await client.callTool({ name: "greet", arguments: {} });
assert.deepEqual(JSON.parse(content[0].text), { agent: CLIENT_ID, scopes: scope, token: false });
await client.close();
console.log("discovered, got a token for the server, listed its tools and called one");

await assert.rejects(connect("wrong").connected);
console.log("a wrong secret is refused");
