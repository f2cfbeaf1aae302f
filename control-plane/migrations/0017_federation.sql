-- Issuers of partners, whose tokens an organization accepts. The keys are kept with them, so that a verifier needs to ask nobody: a
-- later version tells the edges of them.
create table federation_partners (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  name text not null check (length(name) between 1 and 100),
  issuer text not null check (length(issuer) between 1 and 2048), -- `iss`, byte for byte
  jwks_uri text not null check (length(jwks_uri) between 1 and 2048),
  keys jsonb not null,                   -- the set as it was read: each key with `kid` and `alg`
  keys_fetched_at timestamptz not null,
  keys_asked_at timestamptz not null,    -- when they were last asked for, with or without success
  allowed_organizations text[] not null check (cardinality(allowed_organizations) between 1 and 64),
  expires_at timestamptz,                -- from then on nothing of it is accepted
  created_at timestamptz not null,
  updated_at timestamptz not null,
  constraint federation_partners_issuer unique (organization_id, issuer)
);
alter table federation_partners enable row level security, force row level security;
create policy tenant on federation_partners to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on federation_partners to agentidp_system using (true) with check (true);
grant select, insert, update, delete on federation_partners to agentidp_app, agentidp_system;
