-- The Merkle tree over the audit log's seals (RFC 6962): its perfect subtrees above the leaves. A leaf is a seal's hash.
create table audit_tree (
  level smallint not null check (level between 1 and 62),
  index bigint not null,
  hash bytea not null,
  primary key (level, index)
);
-- Signed tree heads, as they were given out.
create table audit_checkpoints (
  tree_size bigint primary key,
  root_hash bytea not null,
  note text not null,
  created_at timestamptz not null
);
create trigger audit_tree_append_only before update or delete on audit_tree for each row execute function refuse_change();
create trigger audit_tree_no_truncate before truncate on audit_tree for each statement execute function refuse_change();
create trigger audit_checkpoints_append_only before update or delete on audit_checkpoints
  for each row execute function refuse_change();
create trigger audit_checkpoints_no_truncate before truncate on audit_checkpoints
  for each statement execute function refuse_change();
grant select, insert on audit_tree, audit_checkpoints to agentidp_system;
