-- How many tokens of an agent, and of an organization, are revoked and have not expired is asked at each revocation.
create index revoked_tokens_of on revoked_tokens (organization_id, agent_id, expires_at);
