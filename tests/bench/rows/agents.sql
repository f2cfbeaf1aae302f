-- Agents of one organization, each with a credential that nobody knows the secret of: copies of one that was registered.
insert into agents
select (jsonb_populate_record(null::agents, to_jsonb(one) || jsonb_build_object(
  'id', md5('agent' || number)::uuid,
  'email', number || '@scale.example'
))).*
from (
  select agents.* from agents join credentials on credentials.agent_id = agents.id
  where agents.organization_id = '$organization' limit 1
) as one, generate_series($from, $to - 1) as number;

insert into credentials
select (jsonb_populate_record(null::credentials, to_jsonb(one) || jsonb_build_object(
  'id', md5('credential' || number)::uuid,
  'agent_id', md5('agent' || number)::uuid,
  'secret_hmac', '\x' || encode(sha256(('secret' || number)::bytea), 'hex')
))).*
from (select * from credentials where organization_id = '$organization' limit 1) as one,
  generate_series($from, $to - 1) as number;
