-- The lock_timeout is as in 0023.
set local lock_timeout = '5s';

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

-- ── what lists find in the log ──────────────────────────────────────────────────────────────────
-- Last, and without a change of a table that requests read: until the indexes are built nothing is recorded, and so no token issued. An
-- index like these that a partition has already is used as it is (docs/operations.md, "Upgrading").
-- What is rare in a log of mostly tokens is found without reading it all. The frequent actions are left out: an index on them would
-- cost each token, and a page of them is found quickly anyway.
create index audit_events_rare on audit_events (organization_id, action, occurred_at desc, event_id desc)
  where action not in ('token.issued', 'token.introspected');
create index audit_events_failures on audit_events (organization_id, occurred_at desc, event_id desc) where outcome = 'failure';
