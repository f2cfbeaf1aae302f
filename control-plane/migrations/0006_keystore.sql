-- The keystore's own row: what tells a wrong key at start, and the root of the HMACs.
create table keystore (
  only_one boolean primary key default true check (only_one),
  check_ciphertext bytea not null,   -- opens only under a key this database was sealed with
  check_key_id text not null,
  hmac_key_id text not null,         -- names the HMAC root; credentials.hmac_key_id is this
  hmac_check bytea not null,         -- an HMAC that only this root gives
  hmac_ciphertext bytea,             -- the HMAC root; null when it is kept in Vault
  hmac_wrapping_key_id text,
  created_at timestamptz not null,
  check ((hmac_ciphertext is null) = (hmac_wrapping_key_id is null))
);
grant select, insert, update on keystore to agentidp_system;

-- Which keys are in use, and which rows an old one still seals.
create index signing_keys_sealed_by on signing_keys (wrapping_key_id) where private_key_ciphertext <> '';
create index agent_did_keys_sealed_by on agent_did_keys (wrapping_key_id) where private_key_ciphertext <> '';
create index idempotency_keys_sealed_by on idempotency_keys (wrapping_key_id) where response_ciphertext <> '';
