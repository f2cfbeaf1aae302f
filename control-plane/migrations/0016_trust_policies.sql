-- Which workloads outside an organization trusts: tokens that GitHub Actions and other issuers sign, exchanged for ours.
create table trust_policies (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  provider text not null check (provider in ('github', 'gitlab', 'kubernetes', 'spiffe', 'oidc')),
  issuer text not null check (length(issuer) between 1 and 2048), -- `iss`, byte for byte
  rule jsonb not null,                   -- what the claims must say
  pinned jsonb not null default '{}',    -- ids that are never given out twice, as the first token said them or the policy did
  agent_id uuid not null,                -- whom the tokens are for
  is_bootstrap boolean not null,         -- the agent was made for this policy, and can only register others
  created_at timestamptz not null,
  last_used_at timestamptz,
  foreign key (organization_id, agent_id) references agents (organization_id, id)
);
create index trust_policies_of_organization on trust_policies (organization_id, created_at, id);
create index trust_policies_of_agent on trust_policies (organization_id, agent_id);
alter table trust_policies enable row level security, force row level security;
create policy tenant on trust_policies to agentidp_app
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on trust_policies to agentidp_system using (true) with check (true);
grant select, insert, update, delete on trust_policies to agentidp_app, agentidp_system;

-- An agent that may register agents and do nothing else, whatever scopes it has.
alter table agents add column only_registers boolean not null default false;

-- Tokens of issuers outside that were accepted, until they expire: none is accepted twice. Of the instance: whose they were is in
-- the digest, and one that is here says nothing of anyone.
create table used_outside_tokens (
  used_by bytea primary key,             -- SHA-256 over the issuer and the `jti`
  expires_at timestamptz not null        -- from then on the token is refused for its time
);
create index used_outside_tokens_expiry on used_outside_tokens (expires_at);
grant insert on used_outside_tokens to agentidp_app;
grant select, insert, delete on used_outside_tokens to agentidp_system;
