-- The spine: organizations, agents, credentials, keys, revocation, audit, the edge feed.
--
-- Two roles, neither owning a table nor able to bypass row-level security:
--   agentidp_app     every request on behalf of one organization; sees only `app.organization_id`
--   agentidp_system  work that crosses organizations (token issuance before the tenant is known, sequencer, sealer)
-- The role is chosen per transaction with SET LOCAL ROLE, so a pooled connection never keeps it.

do $$ begin create role agentidp_app nologin nobypassrls; exception when duplicate_object or unique_violation then null; end $$;
do $$ begin create role agentidp_system nologin nobypassrls; exception when duplicate_object or unique_violation then null; end $$;
grant usage on schema public to agentidp_app, agentidp_system;

-- The organization of the running transaction; null (and so: no row at all) when none was set.
create function current_organization() returns uuid language sql stable parallel safe
  return nullif(current_setting('app.organization_id', true), '')::uuid;

-- ── instance ────────────────────────────────────────────────────────────────────────────────────
-- Exactly one row: names this deployment, so that an edge never accepts another deployment's feed.
create table instance (
  only_one boolean primary key default true check (only_one),
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now()
);
insert into instance default values;
grant select on instance to agentidp_app, agentidp_system;

-- ── organizations ───────────────────────────────────────────────────────────────────────────────
create table organizations (
  id uuid primary key,
  slug text not null constraint organizations_slug_unique unique
    check (slug ~ '^[a-z0-9](-?[a-z0-9])*$' and length(slug) between 2 and 63),
  name text not null check (length(name) between 1 and 200),
  status text not null default 'active' check (status in ('active', 'suspended', 'deleted')),
  tier text not null default 'free' check (tier in ('free', 'pro', 'enterprise')),
  is_system boolean not null default false,
  not_before timestamptz, -- tokens issued at or before this second are refused
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index organizations_one_system on organizations (is_system) where is_system;
create index organizations_newest on organizations (created_at desc, id desc);

-- ── agents ──────────────────────────────────────────────────────────────────────────────────────
create table agents (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  email text not null check (length(email) between 3 and 254),
  agent_type text not null,
  version text not null,
  capabilities text[] not null,
  owner text not null,
  deployment_env text not null,
  name text,
  description text,
  is_public boolean not null default false,
  scopes text[] not null,
  status text not null default 'active' check (status in ('active', 'suspended', 'decommissioned')),
  not_before timestamptz, -- tokens issued at or before this second are refused
  did_public_jwk jsonb not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  decommissioned_at timestamptz,
  unique (organization_id, id)
);
-- An address may be registered again after its agent was decommissioned. Unique per organization:
-- a conflict must not tell one organization what another has registered.
create unique index agents_email_unique on agents (organization_id, lower(email)) where status <> 'decommissioned';
create index agents_newest on agents (organization_id, created_at desc, id desc);

create table agent_did_keys (
  agent_id uuid primary key,
  organization_id uuid not null,
  private_key_ciphertext bytea not null,
  wrapping_key_id text not null,
  foreign key (organization_id, agent_id) references agents (organization_id, id)
);

create table organization_members (
  organization_id uuid not null references organizations (id),
  agent_id uuid not null,
  role text not null check (role in ('owner', 'admin', 'member')),
  created_at timestamptz not null,
  primary key (organization_id, agent_id),
  foreign key (organization_id, agent_id) references agents (organization_id, id)
);

-- ── credentials ─────────────────────────────────────────────────────────────────────────────────
create table credentials (
  id uuid primary key,
  organization_id uuid not null,
  agent_id uuid not null,
  secret_hmac bytea not null,          -- HMAC-SHA-256 of the secret under `hmac_key_id`
  hmac_key_id text not null,
  previous_secret_hmac bytea,          -- accepted until previous_valid_until after a rotation with overlap
  previous_valid_until timestamptz,
  status text not null default 'active' check (status in ('active', 'revoked')),
  expires_at timestamptz,
  created_at timestamptz not null,
  rotated_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  foreign key (organization_id, agent_id) references agents (organization_id, id)
);
create index credentials_of_agent on credentials (organization_id, agent_id, created_at desc, id desc);
create index credentials_of_client on credentials (agent_id) where status = 'active'; -- before the tenant is known
create unique index credentials_secret on credentials (secret_hmac);

-- ── signing keys (of the instance, not of a tenant) ─────────────────────────────────────────────
create table signing_keys (
  kid text primary key,
  algorithm text not null check (algorithm in ('ES256', 'EdDSA', 'RS256')),
  status text not null check (status in ('next', 'active', 'retiring', 'removed')),
  public_jwk jsonb not null,
  private_key_ciphertext bytea not null,
  wrapping_key_id text not null,
  longest_token_seconds bigint not null default 0, -- life of the longest-lived tokens it signed
  created_at timestamptz not null,
  activated_at timestamptz,
  retiring_since timestamptz,
  removed_at timestamptz
);
create unique index signing_keys_one_active on signing_keys (algorithm) where status = 'active';
create unique index signing_keys_one_next on signing_keys (algorithm) where status = 'next';
grant select, insert, update on signing_keys to agentidp_system;

-- ── revocation ──────────────────────────────────────────────────────────────────────────────────
create table revoked_tokens (
  jti uuid primary key,
  organization_id uuid not null references organizations (id),
  agent_id uuid not null,
  expires_at timestamptz not null,
  revoked_at timestamptz not null
);
create index revoked_tokens_expiry on revoked_tokens (expires_at);

-- ── audit ───────────────────────────────────────────────────────────────────────────────────────
create table audit_events (
  event_id uuid not null,
  occurred_at timestamptz not null,
  organization_id uuid not null,
  agent_id uuid,
  action text not null,
  outcome text not null check (outcome in ('success', 'failure')),
  ip_address text,
  user_agent text,
  metadata jsonb not null default '{}',
  primary key (event_id, occurred_at)
) partition by range (occurred_at);
create table audit_events_default partition of audit_events default;
create index audit_events_newest on audit_events (organization_id, occurred_at desc, event_id desc);
create index audit_events_of_agent on audit_events (organization_id, agent_id, occurred_at desc, event_id desc);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only: % on % refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_events_append_only before update or delete on audit_events
  for each row execute function refuse_change();
create trigger audit_events_no_truncate before truncate on audit_events
  for each statement execute function refuse_change();

-- Filled in the event's own transaction; the sealer empties it as it numbers committed events.
create table audit_unsealed (
  event_id uuid primary key,
  occurred_at timestamptz not null
);
create table audit_seals (
  sequence bigint primary key,
  event_id uuid not null unique,
  organization_id uuid not null,
  previous_hash bytea not null,
  hash bytea not null
);
create trigger audit_seals_append_only before update or delete on audit_seals
  for each row execute function refuse_change();
create trigger audit_seals_no_truncate before truncate on audit_seals
  for each statement execute function refuse_change();

-- ── edge feed ───────────────────────────────────────────────────────────────────────────────────
-- Written in the change's own transaction; the sequencer moves committed rows to edge_feed. A sequence taken
-- before commit would let a reader skip a late committer for ever.
create table edge_feed_pending (
  id bigint generated always as identity primary key,
  key text not null,           -- what the change is about; a later change of the same key replaces it in a snapshot
  change jsonb not null,
  expires_at timestamptz       -- after this the change has no effect
);
create table edge_feed (
  sequence bigint primary key,
  key text not null,
  change jsonb not null,
  expires_at timestamptz,
  sequenced_at timestamptz not null
);
create index edge_feed_key on edge_feed (key, sequence desc);
create table edge_nodes (
  id text primary key,
  version text not null,
  acknowledged_sequence bigint not null,
  last_seen_at timestamptz not null
);
grant select, insert, delete on edge_feed_pending, edge_feed to agentidp_system;
grant insert on edge_feed_pending to agentidp_app;
grant select, insert, update, delete on edge_nodes to agentidp_system;

-- ── login throttle, idempotency, usage ──────────────────────────────────────────────────────────
create table login_throttle (
  key text primary key,        -- 'client:UUID' or 'address:PREFIX'
  failures integer not null,
  last_failure_at timestamptz not null,
  blocked_until timestamptz
);
grant select, insert, update, delete on login_throttle to agentidp_system;

create table idempotency_keys (
  organization_id uuid not null references organizations (id),
  agent_id uuid not null,
  operation text not null,
  key text not null,
  request_hash bytea not null,
  status smallint,             -- null while the first request runs
  response_ciphertext bytea,   -- a first answer may carry a secret
  wrapping_key_id text,
  created_at timestamptz not null,
  primary key (organization_id, agent_id, operation, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

-- `slot` spreads one organization's counter over several rows, so that token issuance does not queue on one.
create table usage_counters (
  organization_id uuid not null,
  day date not null,
  metric text not null,
  slot smallint not null,
  count bigint not null,
  primary key (organization_id, day, metric, slot)
) partition by range (day);
create table usage_counters_default partition of usage_counters default;

-- Creates the monthly partitions that cover `first_month` and the `months` after it; safe to repeat.
create function ensure_partitions(first_month date, months integer) returns void language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  lower_bound date;
  upper_bound date;
  parent text;
begin
  for offset_months in 0..months loop
    lower_bound := (date_trunc('month', first_month) + make_interval(months => offset_months))::date;
    upper_bound := (lower_bound + interval '1 month')::date;
    foreach parent in array array['audit_events', 'usage_counters'] loop
      if to_regclass(parent || '_' || to_char(lower_bound, 'YYYY_MM')) is null then
        -- A month that already has rows in the default partition keeps them there; the others must not suffer for it.
        begin
          execute format('create table %I partition of %I for values from (%L) to (%L)',
            parent || '_' || to_char(lower_bound, 'YYYY_MM'), parent, lower_bound, upper_bound);
          execute format('alter table %I enable row level security', parent || '_' || to_char(lower_bound, 'YYYY_MM'));
          execute format('alter table %I force row level security', parent || '_' || to_char(lower_bound, 'YYYY_MM'));
        exception when check_violation then
          raise warning '% of % stay in its default partition', to_char(lower_bound, 'YYYY-MM'), parent;
        end;
      end if;
    end loop;
  end loop;
end $$;
revoke all on function ensure_partitions(date, integer) from public;
grant execute on function ensure_partitions(date, integer) to agentidp_system;

-- ── row-level security: every table with a tenant in it ─────────────────────────────────────────
do $$
declare
  tenant_table text;
begin
  foreach tenant_table in array array['agents', 'agent_did_keys', 'organization_members', 'credentials', 'revoked_tokens',
    'audit_events', 'audit_events_default', 'audit_seals', 'idempotency_keys', 'usage_counters', 'usage_counters_default'] loop
    execute format('alter table %I enable row level security', tenant_table);
    execute format('alter table %I force row level security', tenant_table);
    execute format('create policy tenant on %I to agentidp_app using (organization_id = current_organization()) with check (organization_id = current_organization())', tenant_table);
    execute format('create policy everything on %I to agentidp_system using (true) with check (true)', tenant_table);
  end loop;
end $$;
alter table organizations enable row level security;
alter table organizations force row level security;
create policy tenant on organizations to agentidp_app using (id = current_organization()) with check (id = current_organization());
create policy everything on organizations to agentidp_system using (true) with check (true);

grant select on organizations to agentidp_app;
grant select, insert, update on organizations to agentidp_system;
grant select, insert, update on agents, agent_did_keys, credentials to agentidp_app, agentidp_system;
grant select, insert, update, delete on organization_members to agentidp_app, agentidp_system;
grant select, insert on revoked_tokens to agentidp_app, agentidp_system;
grant delete on revoked_tokens to agentidp_system;
grant select, insert on audit_events to agentidp_app, agentidp_system;
grant insert on audit_unsealed to agentidp_app;
grant select, insert, delete on audit_unsealed to agentidp_system;
grant select on audit_seals to agentidp_app;
grant select, insert on audit_seals to agentidp_system;
grant select, insert, update on idempotency_keys to agentidp_app, agentidp_system;
grant delete on idempotency_keys to agentidp_app, agentidp_system;
grant select, insert, update on usage_counters to agentidp_app, agentidp_system;

-- Now, before the first row comes.
select ensure_partitions(current_date, 3);
