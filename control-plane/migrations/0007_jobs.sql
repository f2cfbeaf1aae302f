-- The job queue, its schedules, what was told of credentials that expire, and what the compliance checks found.
create table jobs (
  id uuid primary key,
  organization_id uuid references organizations (id), -- null: a job of the instance
  kind text not null check (length(kind) between 1 and 100),
  payload jsonb not null,
  dedup_key text,                       -- of jobs that wait or run, one of a kind has it
  state text not null default 'ready' check (state in ('ready', 'running', 'done', 'dead')),
  due_at timestamptz not null,          -- from then on it may be taken: its time, or the end of the lease it is held by
  fence bigint not null default 0,      -- counts how often it was taken; whoever holds an older number has lost it
  attempts integer not null default 0,
  last_error text,
  created_at timestamptz not null,
  finished_at timestamptz
);
create index jobs_due on jobs (due_at, id) where state in ('ready', 'running');
create unique index jobs_dedup on jobs (organization_id, kind, dedup_key) nulls not distinct
  where state in ('ready', 'running') and dedup_key is not null;
create index jobs_finished on jobs (state, finished_at) where state in ('done', 'dead');

-- The last slot of each schedule for which a job was enqueued.
create table job_schedules (
  name text primary key,
  slot timestamptz not null
);

alter table jobs enable row level security;
alter table jobs force row level security;
create policy tenant on jobs to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on jobs to agentidp_system using (true) with check (true);
-- An organization's transaction may ask for work, and not say that it was done.
grant select, insert (id, organization_id, kind, payload, dedup_key, due_at, created_at) on jobs to agentidp_app;
grant select, insert, update, delete on jobs to agentidp_system;
grant select, insert, update on job_schedules to agentidp_system;

-- One row once it was told that a credential will expire, for each threshold it came under.
create table credential_expiry_notices (
  credential_id uuid not null references credentials (id),
  threshold_days integer not null,
  organization_id uuid not null references organizations (id),
  agent_id uuid not null,
  expires_at timestamptz not null,
  noticed_at timestamptz not null,
  primary key (credential_id, threshold_days)
);
create index credentials_expiring on credentials (expires_at) where status = 'active' and expires_at is not null;
alter table credential_expiry_notices enable row level security;
alter table credential_expiry_notices force row level security;
create policy tenant on credential_expiry_notices to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on credential_expiry_notices to agentidp_system using (true) with check (true);
grant select on credential_expiry_notices to agentidp_app;
grant select, insert on credential_expiry_notices to agentidp_system;

-- What each control's check found last.
create table compliance_results (
  control text primary key,
  passing boolean,          -- null: it could not be told
  detail text not null,     -- for the operator
  checked_at timestamptz not null
);
grant select, insert, update on compliance_results to agentidp_system;
