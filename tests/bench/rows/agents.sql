-- Agents of one organization, each with a credential that nobody knows the secret of: copies of one that was registered.
do $$
declare
  -- What is each one's own; the rest is as in the one.
  own jsonb := '{
    "agents": {"id": "md5(''agent'' || number)::uuid", "email": "number || ''@scale.example''"},
    "credentials": {"id": "md5(''credential'' || number)::uuid", "agent_id": "md5(''agent'' || number)::uuid",
      "secret_hmac": "sha256((''secret'' || number)::bytea)"}}';
  relation text;
begin
  -- What they refer to is there, as it is for the one.
  set local session_replication_role = replica;
  foreach relation in array array['agents', 'credentials'] loop
    execute (
      select format(
        'insert into %I select %s from (select * from %I where organization_id = ''$organization'' and %s limit 1) one, generate_series(1, $count) number',
        relation,
        string_agg(coalesce(own -> relation ->> attname, format('one.%I', attname)), ', ' order by attnum),
        relation,
        case relation when 'agents' then 'id in (select agent_id from credentials)' else 'secret_hmac is not null' end)
      from pg_attribute where attrelid = relation::regclass and attnum > 0 and not attisdropped);
  end loop;
end $$;
