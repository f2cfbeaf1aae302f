-- Tokens that several organizations are issued at the same moment are written down by one commit, which is of no organization.
grant insert on status_list_entries to agentidp_system;

-- The sealer takes the oldest: an index in that order, or each time it would read all that it has emptied since the last vacuum.
alter table audit_unsealed drop constraint audit_unsealed_pkey, add primary key (occurred_at, event_id);
alter table audit_unsealed set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 1000000);
