// An MCP server as its authors write one, without a thought of tokens: whoever reaches it is who the gateway says.
// Says {"event":"ready","url":…} on standard output when it listens. Ends on SIGTERM.
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

function describeServer() {
  const server = new McpServer({ name: "greeter", version: "1.0.0" });
  server.registerTool("greet", { description: "Greets whoever calls" }, ({ requestInfo }) => {
    const { "x-agent-id": agent, "x-agent-scopes": scopes, authorization } = requestInfo.headers;
    return { content: [{ type: "text", text: JSON.stringify({ agent, scopes, token: authorization !== undefined }) }] };
  });
  return server;
}

const http = createServer(async (request, response) => {
  const server = describeServer();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on("close", () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response);
});
http.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${http.address().port}` }));
});
process.on("SIGTERM", () => process.exit(0));
