-- What agents let others do in their name. A row is a delegation token; whatever is derived from it carries its id, so that taking
-- it back takes back everything after it.
create table delegations (
  chain_id uuid primary key,             -- `jti` of the delegation token
  organization_id uuid not null references organizations (id),
  subject_id uuid not null references agents (id),   -- on whose behalf
  delegator_id uuid not null references agents (id), -- who passed it on
  delegatee_id uuid not null references agents (id),
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index delegations_expiry on delegations (expires_at);

alter table delegations enable row level security;
alter table delegations force row level security;
create policy tenant on delegations to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on delegations to agentidp_system using (true) with check (true);
grant select, insert, update on delegations to agentidp_app;
grant select, delete on delegations to agentidp_system;
