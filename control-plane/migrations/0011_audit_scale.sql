-- A seal says when its event happened: so the event is looked for in its own month's partition alone, and an organization's part
-- of the log is read in the order of time, seals and events side by side. The hash covers the time, so a wrong one shows.
-- The owner, too, is held to row-level security; here it must see all rows.
alter table audit_seals no force row level security;
alter table audit_events no force row level security;
alter table audit_seals disable trigger audit_seals_append_only;
alter table audit_seals add column occurred_at timestamptz;
update audit_seals seals set occurred_at = events.occurred_at from audit_events events where events.event_id = seals.event_id;
-- Their events are gone: somebody tampered with the log, and that is still found.
update audit_seals set occurred_at = 'epoch' where occurred_at is null;
alter table audit_seals alter column occurred_at set not null;
alter table audit_seals enable trigger audit_seals_append_only;
alter table audit_seals force row level security;
alter table audit_events force row level security;
drop index audit_seals_of_organization;
create index audit_seals_of_organization on audit_seals (organization_id, occurred_at, event_id);

-- How far the signed heads were carried to each place outside the database.
create table audit_carried (
  destination text primary key check (destination in ('folder', 'url', 'webhook')),
  target text not null,        -- where that is; if it is another by now, it begins anew
  tree_size bigint not null,   -- of the largest head that is there
  carried_at timestamptz not null
);
grant select, insert, update on audit_carried to agentidp_system;
