-- The lock_timeout is as in 0023.
set local lock_timeout = '5s';

-- The APIs that tokens are for besides the management API, their scopes, and which organizations may have them. They belong to
-- the platform; an organization sees those that it may have.
create table protected_resources (
  id uuid primary key,
  identifier text not null constraint protected_resources_identifier unique  -- `aud` of its tokens, byte for byte
    check (length(identifier) between 1 and 2048),
  name text not null check (length(name) between 1 and 100),
  for_all boolean not null,              -- every organization may have it; else those in protected_resource_organizations
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index protected_resources_newest on protected_resources (created_at desc, id desc);

create table protected_resource_scopes (
  name text constraint protected_resource_scopes_name primary key check (length(name) between 1 and 64),
  resource_id uuid not null references protected_resources (id) on delete cascade,
  description text not null check (length(description) <= 500)
);
create index protected_resource_scopes_of on protected_resource_scopes (resource_id, name);

create table protected_resource_organizations (
  resource_id uuid not null references protected_resources (id) on delete cascade,
  organization_id uuid not null references organizations (id),
  primary key (resource_id, organization_id)
);
create index protected_resource_organizations_of on protected_resource_organizations (organization_id, resource_id);
alter table protected_resource_organizations enable row level security, force row level security;
create policy tenant on protected_resource_organizations to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on protected_resource_organizations to agentidp_system using (true) with check (true);

grant select on protected_resources, protected_resource_scopes, protected_resource_organizations to agentidp_app;
grant select, insert, update, delete on protected_resources, protected_resource_scopes, protected_resource_organizations
  to agentidp_system;

-- What the platform lets an organization have, whatever a resource says: identifiers and scopes of protected APIs; `*` is any.
-- A new organization begins with none.
alter table organizations alter column allowed_resources set default '{}';
alter table organizations add column allowed_scopes text[] not null default '{}' check (cardinality(allowed_scopes) <= 4096);

-- The one rule: an organization may have a resource that says so, or that its own list names.
create function may_have_resource(organization uuid, resource text) returns boolean language sql stable parallel safe
  return exists (select from organizations where id = organization and allowed_resources && array['*', resource])
    or exists (select from protected_resources resources where resources.identifier = resource
      and (for_all or exists (select from protected_resource_organizations listed
        where listed.resource_id = resources.id and listed.organization_id = organization)));

-- The same for a scope that is not built in. `of_policy` are those that only the policy folder names, which no resource stands for.
create function may_have_scope(organization uuid, scope text, of_policy text[]) returns boolean language sql stable parallel safe
  return exists (select from protected_resource_scopes scopes join protected_resources resources on resources.id = scopes.resource_id
      where scopes.name = scope
        and (for_all or exists (select from protected_resource_organizations listed
          where listed.resource_id = resources.id and listed.organization_id = organization)))
    or (scope = any (of_policy) or exists (select from protected_resource_scopes scopes where scopes.name = scope))
      and exists (select from organizations where id = organization and allowed_scopes && array['*', scope]);

-- Organizations that are there keep what they have: `*` where it is, and as scopes those that their agents hold. The platform's own
-- organization runs the APIs, and may have all their scopes. The owner is not past the policies by itself.
alter table organizations no force row level security;
alter table agents no force row level security;
update organizations set allowed_scopes = held.scopes from (
  select organization_id, array_agg(scope order by scope) as scopes from (
    select distinct agents.organization_id, scope from agents cross join unnest(agents.scopes) scope
    where agents.status <> 'decommissioned' and scope <> all (array['agents:read', 'agents:write', 'tokens:read', 'audit:read',
      'events:read', 'webhooks:read', 'webhooks:write', 'ssf.read', 'ssf.manage', 'billing:read', 'billing:write', 'orgs:read',
      'admin:orgs', 'openid', 'platform:read', 'platform:write'])) of_apis
  group by organization_id) held
where organizations.id = held.organization_id;
update organizations set allowed_scopes = '{*}' where is_system;
alter table agents force row level security;
alter table organizations force row level security;
