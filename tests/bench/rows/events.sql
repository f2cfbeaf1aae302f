-- Events as tokens/issued.rs records them, of one organization, in the order of their ids; each waits for its seal.
with fresh as (
  select (lpad(to_hex($firstms + number), 12, '0') || '7' || substr(md5(number::text), 1, 3)
      || '8' || substr(md5(number::text), 4, 15))::uuid as event_id,
    to_timestamp(($firstms + number) / 1000.0) as occurred_at,
    md5('agent' || number % 5000)::uuid as agent_id,
    md5('jti' || number)::uuid as jti
  from generate_series(1, $count) as number),
events as (
  insert into audit_events (event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata)
  select event_id, occurred_at, '$organization', agent_id, 'token.issued', 'success', '192.0.2.7', 'a-client/1.0',
    jsonb_build_object('actorId', agent_id, 'jti', jti, 'scope', 'agents:read tokens:read', 'audience',
      jsonb_build_array('https://id.example'), 'expiresAt', 1700003600, 'credentialId', agent_id)
  from fresh
  returning event_id, occurred_at)
insert into audit_unsealed (event_id, occurred_at) select event_id, occurred_at from events;
