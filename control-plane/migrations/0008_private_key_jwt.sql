-- Credentials that are a public key of the agent's own, beside those that are a secret of ours; and where a credential was used.
alter table credentials
  alter column secret_hmac drop not null,
  alter column hmac_key_id drop not null,
  add column public_jwk jsonb,            -- with its `kid` and `alg`; verifies the agent's assertions
  add column previous_public_jwk jsonb,   -- accepted until previous_valid_until after a rotation with overlap
  add column last_used_address text,      -- where the use that last_used_at notes came from
  add constraint credentials_one_kind check ((secret_hmac is null) <> (public_jwk is null)),
  add constraint credentials_hmac_key check ((secret_hmac is null) = (hmac_key_id is null)),
  add constraint credentials_one_previous check (previous_secret_hmac is null or secret_hmac is not null),
  add constraint credentials_one_previous_key check (previous_public_jwk is null or public_jwk is not null);

-- Assertions that were accepted, until they expire: none is accepted twice. No foreign key: checking it would lock the agent's
-- row at every login.
create table used_assertions (
  agent_id uuid not null,
  jti_hash bytea not null,                -- SHA-256 of the `jti`, which is the client's choice of text
  expires_at timestamptz not null,        -- from then on the assertion is refused for its time
  primary key (agent_id, jti_hash)
);
create index used_assertions_expiry on used_assertions (expires_at);
grant select, insert, delete on used_assertions to agentidp_system;
