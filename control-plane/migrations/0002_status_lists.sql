-- Which index of which status list stands for which token (Token Status List). What a token is worth is not here: it follows from
-- the tables that say so, when a list is asked for.
create table status_list_entries (
  list_id uuid not null,
  idx integer not null check (idx >= 0),
  jti uuid not null,
  organization_id uuid not null references organizations (id),
  agent_id uuid not null,
  client_id uuid not null,
  issued_at bigint not null,   -- `iat`
  expires_at timestamptz not null,
  primary key (list_id, idx)
);
create index status_list_entries_expiry on status_list_entries (expires_at);

alter table status_list_entries enable row level security;
alter table status_list_entries force row level security;
create policy tenant on status_list_entries to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on status_list_entries to agentidp_system using (true) with check (true);
grant select, insert on status_list_entries to agentidp_app;
grant select, delete on status_list_entries to agentidp_system;
