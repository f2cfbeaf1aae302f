// Creates a database beside the one in DATABASE_URL, applies control-plane/migrations in order and prints its URL;
// with --drop NAME removes it again. The query macros are checked against it (cargo xtask sqlx).
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

const server = process.env.DATABASE_URL;
const migrations = new URL('../control-plane/migrations/', import.meta.url);

async function run(url, statements) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

const [flag, name] = process.argv.slice(2);
if (flag === '--drop') {
  if (!/^agentidp_scratch_[0-9a-f]+$/.test(name)) throw new Error(`not a scratch database: ${name}`);
  await run(server, [`DROP DATABASE ${name} WITH (FORCE)`]);
} else {
  const database = `agentidp_scratch_${randomBytes(6).toString('hex')}`;
  const url = new URL(server);
  url.pathname = `/${database}`;
  await run(server, [`CREATE DATABASE ${database}`]);
  const files = readdirSync(migrations).filter((file) => file.endsWith('.sql')).sort();
  await run(url.href, files.map((file) => readFileSync(new URL(file, migrations), 'utf8')));
  console.log(url.href);
}
