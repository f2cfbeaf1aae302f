-- What an organization has used of the shares that are counted by time. One row of each share: a new window starts it again.
create table tenant_shares (
  organization_id uuid not null references organizations (id),
  share text not null check (length(share) between 1 and 64),
  window_starts_at timestamptz not null,
  used bigint not null check (used >= 0),
  primary key (organization_id, share)
);
alter table tenant_shares enable row level security, force row level security;
create policy tenant on tenant_shares to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on tenant_shares to agentidp_system using (true) with check (true);
grant select, insert, update on tenant_shares to agentidp_app, agentidp_system;

-- The keys of issuers outside that organizations trust for their workloads. They are of the instance, fetched ahead of the tokens that
-- need them: a caller who proved nothing never waits for a server that somebody named.
create table outside_issuers (
  issuer text primary key check (length(issuer) between 1 and 2048), -- `iss`, byte for byte
  keys jsonb,                            -- null until they were first fetched
  fetched_at timestamptz,
  ask_again_at timestamptz not null,     -- until then no token makes us ask
  refresh_at timestamptz not null,       -- when they are fetched next, whatever tokens come
  failures integer not null default 0,   -- fetches in vain since the last success
  check ((keys is null) = (fetched_at is null))
);
create index outside_issuers_refresh on outside_issuers (refresh_at);
create index trust_policies_issuer on trust_policies (issuer);
grant select, insert, update, delete on outside_issuers to agentidp_system;
