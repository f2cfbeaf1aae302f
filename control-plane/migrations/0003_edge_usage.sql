-- What edges report of the calls they decided on.

-- Read by organization and time, so the day comes before the agent.
create table edge_usage (
  organization_id uuid not null,
  day date not null,
  agent_id uuid not null,
  decision text not null check (decision in ('allowed', 'denied', 'limited', 'unknown')),
  count bigint not null check (count > 0),
  primary key (organization_id, day, agent_id, decision),
  foreign key (organization_id, agent_id) references agents (organization_id, id)
);
alter table edge_usage enable row level security;
alter table edge_usage force row level security;
create policy tenant on edge_usage to agentidp_app using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on edge_usage to agentidp_system using (true) with check (true);
grant select on edge_usage to agentidp_app;
grant select, insert, update on edge_usage to agentidp_system;

-- Batches that were counted, for as long as one could come again.
create table edge_usage_batches (
  edge text not null,
  batch_id uuid not null,
  received_at timestamptz not null,
  primary key (edge, batch_id)
);
create index edge_usage_batches_age on edge_usage_batches (received_at);
grant select, insert, delete on edge_usage_batches to agentidp_system;
