-- The key behind an agent's DID can be replaced; the ones before stay in the document for a while, without their private half.
alter table agents
  add column did_key_number integer not null default 1 check (did_key_number >= 1), -- the fragment of its id is `key-NUMBER`
  add column did_rotated_at timestamptz;                                            -- null: it has its first key

create table retired_did_keys (
  agent_id uuid not null,
  organization_id uuid not null,
  number integer not null check (number >= 1),
  public_jwk jsonb not null,
  valid_until timestamptz not null, -- in the document until then
  primary key (agent_id, number),
  foreign key (organization_id, agent_id) references agents (organization_id, id)
);
alter table retired_did_keys enable row level security;
alter table retired_did_keys force row level security;
create policy tenant on retired_did_keys to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on retired_did_keys to agentidp_system using (true) with check (true);
grant select, insert, update, delete on retired_did_keys to agentidp_app, agentidp_system;
