-- What agents' cards show beyond the agent, and the keys that documents about agents are signed with.
alter table agents add column a2a_url text check (length(a2a_url) between 9 and 2048); -- where it answers A2A

-- Of the instance, not of a tenant. Apart from the keys of tokens: no token is ever accepted under one of these.
-- The newest signs once it was published for a while; the ones before go when what they signed has expired.
create table document_keys (
  kid text primary key,
  public_jwk jsonb not null,
  private_key_ciphertext bytea not null, -- empty: removed
  wrapping_key_id text not null,
  created_at timestamptz not null,
  removed_at timestamptz
);
create index document_keys_sealed_by on document_keys (wrapping_key_id) where private_key_ciphertext <> '';
grant select, insert, update on document_keys to agentidp_system;

-- The APIs that an organization's agents may get tokens for besides this one (RFC 8707); `*` is any.
alter table organizations add column allowed_resources text[] not null default '{*}'
  check (cardinality(allowed_resources) <= 64);
