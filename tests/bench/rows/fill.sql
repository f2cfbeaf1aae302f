-- Organizations with partners of the largest size, and revoked tokens, as their changes leave them, without the requests that would
-- make them: what an edge has to take in when it starts.
do $$
begin
  -- What they refer to is not asked for; the rows are as the control plane writes them.
  set local session_replication_role = replica;
  create temporary table filled on commit drop as
    select md5('organization ' || tenant)::uuid as organization, md5('partner ' || tenant || ' ' || number)::uuid as partner,
      'https://partner-' || number || '.tenant-' || tenant || '.example' as issuer
    from generate_series(1, $tenants) tenant, generate_series(1, $partners) number;
  insert into organizations (id, slug, name, created_at, updated_at)
    select md5('organization ' || tenant)::uuid, 'filled-' || tenant, 'Filled ' || tenant, now(), now()
    from generate_series(1, $tenants) tenant;
  insert into federation_partners (id, organization_id, name, issuer, jwks_uri, keys, keys_fetched_at, keys_told_at, keys_ask_again_at,
      keys_refresh_at, allowed_organizations, created_at, updated_at)
    select partner, organization, 'Partner', issuer, issuer || '/keys', '$jwks', now(), now(), now(), now() + interval '1 day',
      '$organizations', now(), now() from filled;
  insert into edge_feed_pending (key, change)
    select 'partner/' || organization || '/' ||
        translate(rtrim(encode(sha256(issuer::bytea), 'base64'), '='), '+/', '-_'),
      jsonb_build_object('type', 'partner', 'organizationId', organization, 'issuer', issuer, 'partner', jsonb_build_object(
        'partnerId', partner, 'jwks', '$jwks'::jsonb, 'keysExpireAt', $expiry,
        'allowedOrganizations', to_jsonb('$organizations'::text[])))
    from filled;
  insert into edge_feed_pending (key, change, expires_at)
    select 'token/' || jti, jsonb_build_object('type', 'tokenRevoked', 'jti', jti, 'expiresAt', $expiry), to_timestamp($expiry)
    from (select md5('token ' || number)::uuid as jti from generate_series(1, $revoked) number) tokens;
  perform pg_notify('agentidp_edge_feed', '');
end $$;
