-- Tokens that several organizations are issued at the same moment are written down by one commit, which is of no organization.
grant insert on status_list_entries to agentidp_system;

-- The sealer takes the oldest: an index in that order, or each time it would read all that it has emptied since the last vacuum.
alter table audit_unsealed drop constraint audit_unsealed_pkey, add primary key (occurred_at, event_id);
alter table audit_unsealed set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 1000000);

-- What every token pays for. A place in a list names an organization that is in the database already, because the agent is: to look it up
-- and lock it for each place is work for nothing. And one index finds an event's seal, whoever asks.
alter table status_list_entries drop constraint status_list_entries_organization_id_fkey;
drop index audit_seals_of_organization;
create unique index audit_seals_of_organization on audit_seals (organization_id, occurred_at, event_id);
alter table audit_seals drop constraint audit_seals_event_id_key;
