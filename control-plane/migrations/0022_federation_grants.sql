-- What organizations of this instance let each other's agents do in their name. It takes a grant of each for the other: one says
-- what may be passed on, and both that agents of the other are dealt with at all.
create table federation_grants (
  id uuid primary key,
  organization_id uuid not null references organizations (id), -- whose agents may pass on
  grantee_id uuid not null check (grantee_id <> organization_id), -- to whose agents; whether it exists is not told
  scopes text[] not null check (cardinality(scopes) <= 64),
  expires_at timestamptz,                -- from then on nothing is passed on, and nothing lives longer
  created_at timestamptz not null,
  constraint federation_grants_grantee unique (organization_id, grantee_id)
);
alter table federation_grants enable row level security, force row level security;
create policy tenant on federation_grants to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on federation_grants to agentidp_system using (true) with check (true);
grant select, insert on federation_grants to agentidp_app;
-- A delegation and the end of a grant concern both organizations. Update: to lock a row.
grant select, update, delete on federation_grants to agentidp_system;

alter table delegations
  add column delegatee_organization_id uuid references organizations (id); -- if it is another
create index delegations_abroad on delegations (organization_id, delegatee_organization_id)
  where delegatee_organization_id is not null;
grant insert, update on delegations to agentidp_system;
