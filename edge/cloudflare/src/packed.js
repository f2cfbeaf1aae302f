// Heads of messages in one piece; see packed.rs.

/** Names and values in turn, a line each. */
export function pack(headers) {
  const lines = [];
  for (const [name, value] of headers) lines.push(name, value);
  return lines.join("\n");
}

/** The same of these names only. */
export function packSome(headers, names) {
  const lines = [];
  for (const name of names.split("\n")) {
    const value = headers.get(name);
    if (value !== null) lines.push(name, value);
  }
  return lines.join("\n");
}

export function unpack(lines) {
  const headers = new Headers();
  const parts = lines.split("\n");
  for (let i = 0; i + 1 < parts.length; i += 2) headers.append(parts[i], parts[i + 1]);
  return headers;
}

export function respond(status, lines, body) {
  return new Response(body, { status, headers: unpack(lines) });
}

export function methodAndUrl(request) {
  return `${request.method}\n${request.url}`;
}
