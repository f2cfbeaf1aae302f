-- Who acts, for whom, and by what right.

-- The control plane is at work meanwhile. Whatever is in use stays so: the migration gives up, and can be repeated.
set local lock_timeout = '5s';

-- ── roles ───────────────────────────────────────────────────────────────────────────────────────
alter table organization_members drop constraint organization_members_role_check;
alter table organization_members add constraint organization_members_role_check
  check (role in ('owner', 'admin', 'manager', 'auditor', 'member'));

-- ── scopes that are new ─────────────────────────────────────────────────────────────────────────
-- The owner, too, is held to row-level security; here it must see all rows.
alter table agents no force row level security;
alter table organization_members no force row level security;
alter table organizations no force row level security;
-- Nobody could lend a scope that nobody holds: each organization's owners get the new one. An agent that would hold more than 64, the
-- most there can be, stays as it is; `migrate --check` names it.
update agents set scopes = array(select distinct unnest(scopes || array['orgs:read']) order by 1)
  from organization_members members
  where members.organization_id = agents.organization_id and members.agent_id = agents.id and members.role = 'owner'
    and cardinality(array(select distinct unnest(scopes || array['orgs:read']))) <= 64;
-- Until now `admin:orgs` in the system organization was the platform's right.
update agents set scopes = array(select distinct unnest(scopes || array['platform:read', 'platform:write']) order by 1)
  from organization_members members, organizations
  where members.organization_id = agents.organization_id and members.agent_id = agents.id and members.role in ('owner', 'admin')
    and organizations.id = agents.organization_id and organizations.is_system and agents.scopes @> array['admin:orgs']
    and cardinality(array(select distinct unnest(scopes || array['platform:read', 'platform:write']))) <= 64;

-- ── scopes that change ──────────────────────────────────────────────────────────────────────────
-- Tokens issued up to `scope_limit_at` hold nothing that is not in `scope_limit`, or they are refused.
alter table agents add column scope_limit text[], add column scope_limit_at timestamptz,
  add constraint agents_scope_limit check ((scope_limit is null) = (scope_limit_at is null)) not valid;
alter table agents force row level security;
alter table organization_members force row level security;
alter table organizations force row level security;

-- Whether a token exceeds the limit, its place in a status list must tell. Null in places from before: then it may.
alter table status_list_entries add column scopes text[];

-- ── repeated requests ───────────────────────────────────────────────────────────────────────────
-- The right that earned the stored answer: actor, subject, scopes, rank and chain, as a digest.
alter table idempotency_keys add column right_hash bytea;

-- ── attribution ─────────────────────────────────────────────────────────────────────────────────
-- Null in events that were recorded before; such events are sealed and checked as they were.
alter table audit_events
  add column actor_id uuid,        -- who really called
  add column on_behalf_of_id uuid, -- the subject of the token in use, if it is another
  add column token_id uuid,        -- jti of the token in use
  add column via text,             -- how it was asked for
  add column trace_id text,        -- of the request (W3C Trace Context), 32 lower-case hexadecimal digits
  -- Not looked for in what there is, where the column is null: all of the log would be read, and nothing recorded meanwhile.
  add constraint audit_events_via_check check (via in ('api', 'console', 'cli', 'mcp', 'job')) not valid;
