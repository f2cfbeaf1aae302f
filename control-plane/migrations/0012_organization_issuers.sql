-- An organization's own choice of how its tokens are signed, and of whose name they carry.
alter table organizations
  add column signing_algorithm text check (signing_algorithm in ('ES256', 'EdDSA', 'RS256')),         -- null: the instance's
  add column signing_algorithm_before text check (signing_algorithm_before in ('ES256', 'EdDSA', 'RS256')), -- until a key of the chosen one signs
  add column issuer_kind text not null default 'instance' check (issuer_kind in ('instance', 'organization'));
create index organizations_algorithms on organizations (signing_algorithm) where signing_algorithm is not null;

-- The instance's algorithm, as the process that started last is set. All processes go by this one: two that looked after the keys
-- each by its own setting would retire each other's.
alter table instance
  add column signing_algorithm text check (signing_algorithm in ('ES256', 'EdDSA', 'RS256')),
  add column signing_algorithm_before text check (signing_algorithm_before in ('ES256', 'EdDSA', 'RS256'));
grant update (signing_algorithm, signing_algorithm_before) on instance to agentidp_system;
