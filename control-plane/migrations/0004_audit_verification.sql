-- One organization's seals in order, for checking its part of the audit log.
create index audit_seals_of_organization on audit_seals (organization_id, sequence);
