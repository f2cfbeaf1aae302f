-- One tenant is never felt by another: rows that a tenant writes say whose they are, lists go on by key, and names say who vouches.

-- As in 0023.
set local lock_timeout = '5s';

-- ── the feed's pending rows ─────────────────────────────────────────────────────────────────────
-- The tenant's role appends what concerns its own organization, of the kinds that a tenant may cause, and nothing else: not another
-- tenant's agent, and never the instance's keys, issuer, policy or limits. Rows without an organization are the instance's.
-- A token is named by its `jti` alone, which the database knows of no organization; nobody guesses 122 random bits.
alter table edge_feed_pending
  add column organization_id uuid default current_organization(),
  add column agent_id uuid, -- of whom the change tells
  add constraint edge_feed_pending_concerns_its_organization check (organization_id is null or coalesce(
    case change ->> 'type'
      when 'agent' then key = 'agent/' || agent_id
      when 'agentLimited' then key = 'agent/' || agent_id
      when 'tokenRevoked' then key = 'token/' || (change ->> 'jti')
      when 'partner' then change ->> 'organizationId' = organization_id::text
        and starts_with(key, 'partner/' || organization_id || '/')
    end, false)),
  add constraint edge_feed_pending_agent_is_of_its_organization
    foreign key (organization_id, agent_id) references agents (organization_id, id);
create function note_agent() returns trigger language plpgsql as $$
begin
  new.agent_id := (new.change ->> 'agentId')::uuid;
  return new;
end $$;
create trigger edge_feed_pending_agent before insert or update on edge_feed_pending for each row execute function note_agent();
alter table edge_feed_pending enable row level security;
alter table edge_feed_pending force row level security;
create policy tenant on edge_feed_pending to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on edge_feed_pending to agentidp_system using (true) with check (true);
-- It chooses no ids either (`overriding system value`): one that is taken would make another's append fail.
revoke insert on edge_feed_pending from agentidp_app;
grant insert (key, change, expires_at, subjects, ignorable, organization_id, agent_id) on edge_feed_pending to agentidp_app;

-- ── events that wait for their seal ─────────────────────────────────────────────────────────────
-- Whose event it is: the sealer takes no row for an event of another organization. A row without one was written by the control plane
-- itself, of this version or an earlier one; the role of a tenant cannot write such a row.
alter table audit_unsealed add column organization_id uuid default current_organization();
alter table audit_unsealed enable row level security;
alter table audit_unsealed force row level security;
create policy tenant on audit_unsealed to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on audit_unsealed to agentidp_system using (true) with check (true);

-- What the owner of a table is not shown any more, whoever calls tells: the months (by their first days) with events that wait.
-- The version before, which may still run, calls this one: it archives nothing any more.
create or replace function archive_audit_month(before date, to_tablespace text) returns text language sql
  return null::text;
create function archive_audit_month(before date, to_tablespace text, unsealed_months date[]) returns text language plpgsql security definer
  set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
  month record;
  part regclass;
begin
  for month in
    select oid::regclass as partition, relname::text as name, to_date(right(relname, 7), 'YYYY_MM') as first_day
    from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'audit_events'::regclass and relnamespace = 'public'::regnamespace
      and relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
    order by relname
  loop
    exit when (month.first_day + interval '1 month')::date > before;
    continue when month.first_day = any (unsealed_months);
    if to_tablespace is not null then
      execute format('alter table %s set tablespace %I', month.partition, to_tablespace);
      for part in select indexrelid::regclass from pg_index where indrelid = month.partition loop
        execute format('alter index %s set tablespace %I', part, to_tablespace);
      end loop;
    end if;
    execute format('alter table %s set schema audit_archive', month.partition);
    return month.name;
  end loop;
  return null;
end $$;
revoke all on function archive_audit_month(date, text, date[]) from public;
grant execute on function archive_audit_month(date, text, date[]) to agentidp_system;

-- ── lists that go on by key ─────────────────────────────────────────────────────────────────────
create index organization_members_oldest on organization_members (organization_id, created_at, agent_id);
create index federation_partners_newest on federation_partners (organization_id, created_at desc, id desc);
create index federation_grants_newest on federation_grants (organization_id, created_at desc, id desc);

-- Secrets by age: which organizations should have replaced some is asked whenever metrics are.
create index credentials_age on credentials ((coalesce(rotated_at, created_at)), organization_id)
  where status = 'active' and secret_hmac is not null;

-- ── names ───────────────────────────────────────────────────────────────────────────────────────
-- When the platform last set or confirmed the name; null when the organization chose it itself.
alter table organizations add column name_confirmed_at timestamptz;
alter table organizations no force row level security;
-- What there is was created by the platform. A name that its organization changed since then is told by the log.
alter table audit_events no force row level security;
update organizations set name_confirmed_at = created_at
  where not exists (select from audit_events where audit_events.organization_id = organizations.id
    and action = 'org.updated' and metadata -> 'fields' ? 'name');
alter table audit_events force row level security;
alter table organizations force row level security;
