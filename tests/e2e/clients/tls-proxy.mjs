// TLS in front of a server on this machine, as did:web needs it: PORT, KEY, CERT and TARGET say what.
// Says {"event":"ready"} on standard output when it listens. Ends on SIGTERM.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:https";

const { PORT, KEY, CERT, TARGET } = process.env;
const { hostname, port } = new URL(TARGET);

const server = createServer({ key: readFileSync(KEY), cert: readFileSync(CERT) }, (incoming, outgoing) => {
  const { method, url, headers } = incoming;
  const forwarded = request({ hostname, port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  });
  forwarded.on("error", () => outgoing.writeHead(502).end());
  incoming.pipe(forwarded);
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(JSON.stringify({ event: "ready" })));
process.on("SIGTERM", () => process.exit(0));
