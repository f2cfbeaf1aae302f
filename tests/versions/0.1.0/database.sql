--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: audit_archive; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA audit_archive;


--
-- Name: archive_audit_month(date, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.archive_audit_month(before date, to_tablespace text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $_$
declare
  month record;
  part regclass;
begin
  for month in
    select oid::regclass as partition, relname::text as name, to_date(right(relname, 7), 'YYYY_MM') as first_day
    from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'audit_events'::regclass and relnamespace = 'public'::regnamespace
      and relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
    order by relname
  loop
    exit when (month.first_day + interval '1 month')::date > before;
    continue when exists (select from audit_unsealed
      where occurred_at >= month.first_day and occurred_at < month.first_day + interval '1 month');
    if to_tablespace is not null then
      execute format('alter table %s set tablespace %I', month.partition, to_tablespace);
      for part in select indexrelid::regclass from pg_index where indrelid = month.partition loop
        execute format('alter index %s set tablespace %I', part, to_tablespace);
      end loop;
    end if;
    execute format('alter table %s set schema audit_archive', month.partition);
    return month.name;
  end loop;
  return null;
end $_$;


--
-- Name: current_organization(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.current_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid;


--
-- Name: ensure_partitions(date, integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.ensure_partitions(first_month date, months integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
declare
  lower_bound date;
  upper_bound date;
  parent text;
  partition text;
begin
  for offset_months in 0..months loop
    lower_bound := (date_trunc('month', first_month) + make_interval(months => offset_months))::date;
    upper_bound := (lower_bound + interval '1 month')::date;
    foreach parent in array array['audit_events', 'usage_counters'] loop
      partition := parent || '_' || to_char(lower_bound, 'YYYY_MM');
      if coalesce(to_regclass(partition), to_regclass('audit_archive.' || partition)) is null then
        -- A month that already has rows in the default partition keeps them there; the others must not suffer for it.
        begin
          execute format('create table %I partition of %I for values from (%L) to (%L)',
            partition, parent, lower_bound, upper_bound);
          execute format('alter table %I enable row level security', partition);
          execute format('alter table %I force row level security', partition);
          if parent = 'audit_events' then
            perform refuse_truncate(partition::regclass);
          end if;
        exception when check_violation then
          raise warning '% of % stay in its default partition', to_char(lower_bound, 'YYYY-MM'), parent;
        end;
      end if;
    end loop;
  end loop;
end $$;


--
-- Name: refuse_change(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception 'the audit log is append-only: % on % refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;


--
-- Name: refuse_truncate(regclass); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_truncate(partition regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
begin
  execute format('create trigger audit_events_no_truncate before truncate on %s for each statement execute function refuse_change()', partition);
end $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: _sqlx_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: agent_did_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agent_did_keys (
    agent_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    private_key_ciphertext bytea NOT NULL,
    wrapping_key_id text NOT NULL
);

ALTER TABLE ONLY public.agent_did_keys FORCE ROW LEVEL SECURITY;


--
-- Name: agents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agents (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    email text NOT NULL,
    agent_type text NOT NULL,
    version text NOT NULL,
    capabilities text[] NOT NULL,
    owner text NOT NULL,
    deployment_env text NOT NULL,
    name text,
    description text,
    is_public boolean DEFAULT false NOT NULL,
    scopes text[] NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    not_before timestamp with time zone,
    did_public_jwk jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    decommissioned_at timestamp with time zone,
    did_key_number integer DEFAULT 1 NOT NULL,
    did_rotated_at timestamp with time zone,
    a2a_url text,
    only_registers boolean DEFAULT false NOT NULL,
    CONSTRAINT agents_a2a_url_check CHECK (((length(a2a_url) >= 9) AND (length(a2a_url) <= 2048))),
    CONSTRAINT agents_did_key_number_check CHECK ((did_key_number >= 1)),
    CONSTRAINT agents_email_check CHECK (((length(email) >= 3) AND (length(email) <= 254))),
    CONSTRAINT agents_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'decommissioned'::text])))
);

ALTER TABLE ONLY public.agents FORCE ROW LEVEL SECURITY;


--
-- Name: audit_carried; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_carried (
    destination text NOT NULL,
    target text NOT NULL,
    tree_size bigint NOT NULL,
    carried_at timestamp with time zone NOT NULL,
    CONSTRAINT audit_carried_destination_check CHECK ((destination = ANY (ARRAY['folder'::text, 'url'::text, 'webhook'::text])))
);


--
-- Name: audit_checkpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_checkpoints (
    tree_size bigint NOT NULL,
    root_hash bytea NOT NULL,
    note text NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Name: audit_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid,
    action text NOT NULL,
    outcome text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
)
PARTITION BY RANGE (occurred_at);

ALTER TABLE ONLY public.audit_events FORCE ROW LEVEL SECURITY;


--
-- Name: audit_events_2026_12; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events_2026_12 (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid,
    action text NOT NULL,
    outcome text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
);

ALTER TABLE ONLY public.audit_events_2026_12 FORCE ROW LEVEL SECURITY;


--
-- Name: audit_events_2027_01; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events_2027_01 (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid,
    action text NOT NULL,
    outcome text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
);

ALTER TABLE ONLY public.audit_events_2027_01 FORCE ROW LEVEL SECURITY;


--
-- Name: audit_events_2027_02; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events_2027_02 (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid,
    action text NOT NULL,
    outcome text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
);

ALTER TABLE ONLY public.audit_events_2027_02 FORCE ROW LEVEL SECURITY;


--
-- Name: audit_events_2027_03; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events_2027_03 (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid,
    action text NOT NULL,
    outcome text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
);

ALTER TABLE ONLY public.audit_events_2027_03 FORCE ROW LEVEL SECURITY;


--
-- Name: audit_events_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_events_default (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid,
    action text NOT NULL,
    outcome text NOT NULL,
    ip_address text,
    user_agent text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_events_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'failure'::text])))
);

ALTER TABLE ONLY public.audit_events_default FORCE ROW LEVEL SECURITY;


--
-- Name: audit_seals; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_seals (
    sequence bigint NOT NULL,
    event_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    occurred_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.audit_seals FORCE ROW LEVEL SECURITY;


--
-- Name: audit_tree; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_tree (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_tree_level_check CHECK (((level >= 1) AND (level <= 62)))
);


--
-- Name: audit_unsealed; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.audit_unsealed (
    event_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='10000', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='1000000');


--
-- Name: compliance_results; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.compliance_results (
    control text NOT NULL,
    passing boolean,
    detail text NOT NULL,
    checked_at timestamp with time zone NOT NULL
);


--
-- Name: credential_expiry_notices; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.credential_expiry_notices (
    credential_id uuid NOT NULL,
    threshold_days integer NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    noticed_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.credential_expiry_notices FORCE ROW LEVEL SECURITY;


--
-- Name: credentials; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.credentials (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    secret_hmac bytea,
    hmac_key_id text,
    previous_secret_hmac bytea,
    previous_valid_until timestamp with time zone,
    status text DEFAULT 'active'::text NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    rotated_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    public_jwk jsonb,
    previous_public_jwk jsonb,
    last_used_address text,
    CONSTRAINT credentials_hmac_key CHECK (((secret_hmac IS NULL) = (hmac_key_id IS NULL))),
    CONSTRAINT credentials_one_kind CHECK (((secret_hmac IS NULL) <> (public_jwk IS NULL))),
    CONSTRAINT credentials_one_previous CHECK (((previous_secret_hmac IS NULL) OR (secret_hmac IS NOT NULL))),
    CONSTRAINT credentials_one_previous_key CHECK (((previous_public_jwk IS NULL) OR (public_jwk IS NOT NULL))),
    CONSTRAINT credentials_status_check CHECK ((status = ANY (ARRAY['active'::text, 'revoked'::text])))
);

ALTER TABLE ONLY public.credentials FORCE ROW LEVEL SECURITY;


--
-- Name: delegations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.delegations (
    chain_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    delegator_id uuid NOT NULL,
    delegatee_id uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    delegatee_organization_id uuid
);

ALTER TABLE ONLY public.delegations FORCE ROW LEVEL SECURITY;


--
-- Name: document_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.document_keys (
    kid text NOT NULL,
    public_jwk jsonb NOT NULL,
    private_key_ciphertext bytea NOT NULL,
    wrapping_key_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone
);


--
-- Name: edge_feed; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edge_feed (
    sequence bigint NOT NULL,
    key text NOT NULL,
    change jsonb NOT NULL,
    expires_at timestamp with time zone,
    sequenced_at timestamp with time zone NOT NULL
);


--
-- Name: edge_feed_pending; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edge_feed_pending (
    id bigint NOT NULL,
    key text NOT NULL,
    change jsonb NOT NULL,
    expires_at timestamp with time zone
);


--
-- Name: edge_feed_pending_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.edge_feed_pending ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.edge_feed_pending_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: edge_nodes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edge_nodes (
    id text NOT NULL,
    version text NOT NULL,
    acknowledged_sequence bigint NOT NULL,
    last_seen_at timestamp with time zone NOT NULL
);


--
-- Name: edge_usage; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edge_usage (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    agent_id uuid NOT NULL,
    decision text NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT edge_usage_count_check CHECK ((count > 0)),
    CONSTRAINT edge_usage_decision_check CHECK ((decision = ANY (ARRAY['allowed'::text, 'denied'::text, 'limited'::text, 'unknown'::text])))
);

ALTER TABLE ONLY public.edge_usage FORCE ROW LEVEL SECURITY;


--
-- Name: edge_usage_batches; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.edge_usage_batches (
    edge text NOT NULL,
    batch_id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL
);


--
-- Name: federation_grants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.federation_grants (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    grantee_id uuid NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT federation_grants_check CHECK ((grantee_id <> organization_id)),
    CONSTRAINT federation_grants_scopes_check CHECK ((cardinality(scopes) <= 64))
);

ALTER TABLE ONLY public.federation_grants FORCE ROW LEVEL SECURITY;


--
-- Name: federation_partners; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.federation_partners (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    name text NOT NULL,
    issuer text NOT NULL,
    jwks_uri text NOT NULL,
    keys jsonb NOT NULL,
    keys_fetched_at timestamp with time zone NOT NULL,
    keys_ask_again_at timestamp with time zone NOT NULL,
    allowed_organizations text[] NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    keys_refresh_at timestamp with time zone DEFAULT now() NOT NULL,
    keys_told_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT federation_partners_allowed_organizations_check CHECK (((cardinality(allowed_organizations) >= 1) AND (cardinality(allowed_organizations) <= 64))),
    CONSTRAINT federation_partners_issuer_check CHECK (((length(issuer) >= 1) AND (length(issuer) <= 2048))),
    CONSTRAINT federation_partners_jwks_uri_check CHECK (((length(jwks_uri) >= 1) AND (length(jwks_uri) <= 2048))),
    CONSTRAINT federation_partners_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100)))
);

ALTER TABLE ONLY public.federation_partners FORCE ROW LEVEL SECURITY;


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    response_ciphertext bytea,
    wrapping_key_id text,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.idempotency_keys FORCE ROW LEVEL SECURITY;


--
-- Name: instance; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.instance (
    only_one boolean DEFAULT true NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    signing_algorithm text,
    signing_algorithm_before text,
    CONSTRAINT instance_only_one_check CHECK (only_one),
    CONSTRAINT instance_signing_algorithm_before_check CHECK ((signing_algorithm_before = ANY (ARRAY['ES256'::text, 'EdDSA'::text, 'RS256'::text]))),
    CONSTRAINT instance_signing_algorithm_check CHECK ((signing_algorithm = ANY (ARRAY['ES256'::text, 'EdDSA'::text, 'RS256'::text])))
);


--
-- Name: job_schedules; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.job_schedules (
    name text NOT NULL,
    slot timestamp with time zone NOT NULL
);


--
-- Name: jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.jobs (
    id uuid NOT NULL,
    organization_id uuid,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    dedup_key text,
    state text DEFAULT 'ready'::text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT jobs_kind_check CHECK (((length(kind) >= 1) AND (length(kind) <= 100))),
    CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'running'::text, 'done'::text, 'dead'::text])))
);

ALTER TABLE ONLY public.jobs FORCE ROW LEVEL SECURITY;


--
-- Name: keystore; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.keystore (
    only_one boolean DEFAULT true NOT NULL,
    check_ciphertext bytea NOT NULL,
    check_key_id text NOT NULL,
    hmac_key_id text NOT NULL,
    hmac_check bytea NOT NULL,
    hmac_ciphertext bytea,
    hmac_wrapping_key_id text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT keystore_check CHECK (((hmac_ciphertext IS NULL) = (hmac_wrapping_key_id IS NULL))),
    CONSTRAINT keystore_only_one_check CHECK (only_one)
);


--
-- Name: login_throttle; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.login_throttle (
    key text NOT NULL,
    failures integer NOT NULL,
    last_failure_at timestamp with time zone NOT NULL,
    blocked_until timestamp with time zone
);


--
-- Name: organization_members; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.organization_members (
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT organization_members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);

ALTER TABLE ONLY public.organization_members FORCE ROW LEVEL SECURITY;


--
-- Name: organizations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.organizations (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    tier text DEFAULT 'free'::text NOT NULL,
    is_system boolean DEFAULT false NOT NULL,
    not_before timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    signing_algorithm text,
    signing_algorithm_before text,
    issuer_kind text DEFAULT 'instance'::text NOT NULL,
    allowed_resources text[] DEFAULT '{*}'::text[] NOT NULL,
    CONSTRAINT organizations_allowed_resources_check CHECK ((cardinality(allowed_resources) <= 64)),
    CONSTRAINT organizations_issuer_kind_check CHECK ((issuer_kind = ANY (ARRAY['instance'::text, 'organization'::text]))),
    CONSTRAINT organizations_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT organizations_signing_algorithm_before_check CHECK ((signing_algorithm_before = ANY (ARRAY['ES256'::text, 'EdDSA'::text, 'RS256'::text]))),
    CONSTRAINT organizations_signing_algorithm_check CHECK ((signing_algorithm = ANY (ARRAY['ES256'::text, 'EdDSA'::text, 'RS256'::text]))),
    CONSTRAINT organizations_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND ((length(slug) >= 2) AND (length(slug) <= 63)))),
    CONSTRAINT organizations_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'deleted'::text]))),
    CONSTRAINT organizations_tier_check CHECK ((tier = ANY (ARRAY['free'::text, 'pro'::text, 'enterprise'::text])))
);

ALTER TABLE ONLY public.organizations FORCE ROW LEVEL SECURITY;


--
-- Name: retired_did_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.retired_did_keys (
    agent_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    number integer NOT NULL,
    public_jwk jsonb NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    CONSTRAINT retired_did_keys_number_check CHECK ((number >= 1))
);

ALTER TABLE ONLY public.retired_did_keys FORCE ROW LEVEL SECURITY;


--
-- Name: revoked_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.revoked_tokens (
    jti uuid NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.revoked_tokens FORCE ROW LEVEL SECURITY;


--
-- Name: signing_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.signing_keys (
    kid text NOT NULL,
    algorithm text NOT NULL,
    status text NOT NULL,
    public_jwk jsonb NOT NULL,
    private_key_ciphertext bytea NOT NULL,
    wrapping_key_id text NOT NULL,
    longest_token_seconds bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    activated_at timestamp with time zone,
    retiring_since timestamp with time zone,
    removed_at timestamp with time zone,
    CONSTRAINT signing_keys_algorithm_check CHECK ((algorithm = ANY (ARRAY['ES256'::text, 'EdDSA'::text, 'RS256'::text]))),
    CONSTRAINT signing_keys_status_check CHECK ((status = ANY (ARRAY['next'::text, 'active'::text, 'retiring'::text, 'removed'::text])))
);


--
-- Name: status_list_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.status_list_entries (
    list_id uuid NOT NULL,
    idx integer NOT NULL,
    jti uuid NOT NULL,
    organization_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    client_id uuid NOT NULL,
    issued_at bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    derived_from jsonb,
    CONSTRAINT status_list_entries_idx_check CHECK ((idx >= 0))
);

ALTER TABLE ONLY public.status_list_entries FORCE ROW LEVEL SECURITY;


--
-- Name: trust_policies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.trust_policies (
    id uuid NOT NULL,
    organization_id uuid NOT NULL,
    provider text NOT NULL,
    issuer text NOT NULL,
    rule jsonb NOT NULL,
    pinned jsonb DEFAULT '{}'::jsonb NOT NULL,
    agent_id uuid NOT NULL,
    is_bootstrap boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT trust_policies_issuer_check CHECK (((length(issuer) >= 1) AND (length(issuer) <= 2048))),
    CONSTRAINT trust_policies_provider_check CHECK ((provider = ANY (ARRAY['github'::text, 'gitlab'::text, 'kubernetes'::text, 'spiffe'::text, 'oidc'::text])))
);

ALTER TABLE ONLY public.trust_policies FORCE ROW LEVEL SECURITY;


--
-- Name: usage_counters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_counters (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL
)
PARTITION BY RANGE (day);

ALTER TABLE ONLY public.usage_counters FORCE ROW LEVEL SECURITY;


--
-- Name: usage_counters_2026_12; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_counters_2026_12 (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL
);

ALTER TABLE ONLY public.usage_counters_2026_12 FORCE ROW LEVEL SECURITY;


--
-- Name: usage_counters_2027_01; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_counters_2027_01 (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL
);

ALTER TABLE ONLY public.usage_counters_2027_01 FORCE ROW LEVEL SECURITY;


--
-- Name: usage_counters_2027_02; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_counters_2027_02 (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL
);

ALTER TABLE ONLY public.usage_counters_2027_02 FORCE ROW LEVEL SECURITY;


--
-- Name: usage_counters_2027_03; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_counters_2027_03 (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL
);

ALTER TABLE ONLY public.usage_counters_2027_03 FORCE ROW LEVEL SECURITY;


--
-- Name: usage_counters_default; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage_counters_default (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    metric text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL
);

ALTER TABLE ONLY public.usage_counters_default FORCE ROW LEVEL SECURITY;


--
-- Name: used_assertions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.used_assertions (
    agent_id uuid NOT NULL,
    jti_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


--
-- Name: used_outside_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.used_outside_tokens (
    used_by bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


--
-- Name: audit_events_2026_12; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events ATTACH PARTITION public.audit_events_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');


--
-- Name: audit_events_2027_01; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events ATTACH PARTITION public.audit_events_2027_01 FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00');


--
-- Name: audit_events_2027_02; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events ATTACH PARTITION public.audit_events_2027_02 FOR VALUES FROM ('2027-02-01 00:00:00+00') TO ('2027-03-01 00:00:00+00');


--
-- Name: audit_events_2027_03; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events ATTACH PARTITION public.audit_events_2027_03 FOR VALUES FROM ('2027-03-01 00:00:00+00') TO ('2027-04-01 00:00:00+00');


--
-- Name: audit_events_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events ATTACH PARTITION public.audit_events_default DEFAULT;


--
-- Name: usage_counters_2026_12; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters ATTACH PARTITION public.usage_counters_2026_12 FOR VALUES FROM ('2026-12-01') TO ('2027-01-01');


--
-- Name: usage_counters_2027_01; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters ATTACH PARTITION public.usage_counters_2027_01 FOR VALUES FROM ('2027-01-01') TO ('2027-02-01');


--
-- Name: usage_counters_2027_02; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters ATTACH PARTITION public.usage_counters_2027_02 FOR VALUES FROM ('2027-02-01') TO ('2027-03-01');


--
-- Name: usage_counters_2027_03; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters ATTACH PARTITION public.usage_counters_2027_03 FOR VALUES FROM ('2027-03-01') TO ('2027-04-01');


--
-- Name: usage_counters_default; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters ATTACH PARTITION public.usage_counters_default DEFAULT;


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES
	(1, 'spine', '2026-12-01 00:34:24.153041+00', true, '\xd1fa90482b8a7e0c23a2ca4d5bc6804aeb00430c61a95ef967d73cb9261e67a4dac7901bb408863ff6740eef26265079', 80142187),
	(2, 'status lists', '2026-12-01 00:34:24.234006+00', true, '\xdae138484e65e0995e5ac9d2f44007cd5eaa20ea3747e10d55f17c54fa160b48b1f2145ff58b44e410eb4fd6694fe970', 2641055),
	(3, 'edge usage', '2026-12-01 00:34:24.23688+00', true, '\xf2e854462ab1e5cb0e2c0aa57c51f829b9d66366b963b898afa7a0847464a604e3342df16cf751db01fc64158c8a0a4a', 3426976),
	(4, 'audit verification', '2026-12-01 00:34:24.241107+00', true, '\x0b7d2db5a680fac7d6f1ea5473ac3194af930570df06059bcdeb2c15f45ce4e3f3d75d0d67b7460e1065fcf85213b355', 881131),
	(5, 'audit tree', '2026-12-01 00:34:24.242114+00', true, '\x7bd34673694de9dd9a575c36ad24156676f7056867d1433f017420e6b5b45d0354a6c54c9be76572e75b452613eeee32', 3125274),
	(6, 'keystore', '2026-12-01 00:34:24.245426+00', true, '\xd4a167b23ae17d682e94057c444fa213781fc03e0c0bf939ad8b569a8c42582ce14b1f68f8576eb7a924a82c2b8391b5', 3616545),
	(7, 'jobs', '2026-12-01 00:34:24.249461+00', true, '\x788a058b4457e5197760d28cf6854465f726b03ca9a767f156c56563d2b3ce70b0d33ef97e55bb0250701ada265b7875', 7442637),
	(8, 'private key jwt', '2026-12-01 00:34:24.256968+00', true, '\x2e1e72e44b91eb5d1fb5a358a8d21d3991cae7cba0b8af604eff8f61df5ca765e8c35af9ecd6e2e88b20d75d6aaeeac8', 1863986),
	(11, 'audit scale', '2026-12-01 00:34:24.25891+00', true, '\x7a5194d5b6ce52898c1fb1a799d5d283448debafba6eaae53960546bb72d438afbbda08a0a34286c2001adac8a8f3e3e', 4776923),
	(12, 'organization issuers', '2026-12-01 00:34:24.263809+00', true, '\xf8f0bfb6d363cfb9480371cb64f2f099f5d80e1690b56007427be45328ea73a2dc61aaeb4ee2c544d6ac800b1fcff32c', 2227607),
	(13, 'did rotation', '2026-12-01 00:34:24.266103+00', true, '\x6f4ffb35d768d8e3fdc490de2fd73161cdb8cde90c9f9e6de95eea1f00b443062a738881a20f19f293f191726a5dc644', 3996764),
	(14, 'cards and resources', '2026-12-01 00:34:24.270192+00', true, '\xbdff5f9b8ec600c5a6e4506c997188ccb8e17d8f18ce1e0f6a41851283e659215e5b43e083f4c4236d532f0d9396f181', 1944350),
	(15, 'delegations', '2026-12-01 00:34:24.272214+00', true, '\x91dd9639565a361aaaa1d2c10536a6bdfef27b0f968b92644a48290851e2406284cc5d4ed5529a0f3cce89b701a799a1', 1761931),
	(16, 'trust policies', '2026-12-01 00:34:24.274067+00', true, '\xec891d385e08cf4ec43d918ddb27b5d8630bfc97f2760a22e7f1c325137e2e899cf916b841c09b89dc082f2d37b60f62', 4958777),
	(17, 'federation', '2026-12-01 00:34:24.279117+00', true, '\x577321167a47e229ad743fe324e3033638cdc6d2116a64e007b676554f358859fccd2634e0bf23b3a1bf16b02bdb5c06', 2089670),
	(18, 'audit archive', '2026-12-01 00:34:24.281279+00', true, '\x221080d14bf91386e2416d0ded49f1f31d0cadade85d9b1f6d0c78a553598936ae2dbd5338ca52f49f39c67c5d7f9958', 1830339),
	(19, 'tokens in rounds', '2026-12-01 00:34:24.283951+00', true, '\x8df847c7cfd2584033d8b2671a201742b8c49206d4dadb2c9e292f61122484bdf434a83db5caec22f7985db55c75d4f9', 4494734),
	(20, 'partners at the edge', '2026-12-01 00:34:24.288299+00', true, '\x3d22a7d8fb3c1b843b17c7f3affe727317b33872cbcdee8c5e90544c5697a00dfb5c15f8fe52e4aa746d041a5d19afe5', 808519),
	(21, 'status of derived tokens', '2026-12-01 00:34:24.289162+00', true, '\xeb0039a84d06c34c995a0aee6a2d0fae66988dd52702f8e37e546ade6ef9fbb080b520aedd4b69ba50c62f0a5576c8cf', 762567),
	(22, 'federation grants', '2026-12-01 00:34:24.290002+00', true, '\x20a6f957e6e1362c1c8b82df51720e3edc692713d4ee6e752ad21595ea366d5e9d782a32a9813c52e6f45511fae68a8a', 2515144);


--
-- Data for Name: agent_did_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.agent_did_keys VALUES
	('01a22f06-304a-79a9-943e-7c14e4435db3', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x8ef37e906c145c56df101326d0ac90a82a7ae0106df3492db647d30bd8d1afc829bc737f9be66d3980a6a821c2039e7d084cc1ad65542851481050a041b44637dd1cc27bff8b0213d9a19eba15bce7ff9be00d006acf336b1808018d2d0595928bb8fc588a53e684dea95de1f06ac3c665a1d0eae7a2636af03317fe19a215a6902829c00868d2305290ec7088d1cce9cc1da644ce5ec37da952c3b7becdb32d785cbc002e40', '5b6dc2e3eada29ed'),
	('01a22f06-413f-776c-8437-a825c32da5d2', '01a22f06-413b-71d3-918e-f8d57309823f', '\x2f47f02bcaaf65357613cad12e97b785415f8f95c2982447f03baf3bb82f5385f9d6eeed9a9985f50cc50de27f8c30c79428479f07551937ec3a261e6a524cceb78f46dd856c6e5db93ef38b00044ef50e3b06cdfb0281535e5898f3fd599eaf567d4e2abd0b1624a45d2fe9f8f900c72822282bc236f98f079d1e3d42ba09249f70d42258472de8c8bb127fe0e8e34ba6f670b574b58d92e519bbde653b4345aefc8cc0be7a', '5b6dc2e3eada29ed'),
	('01a22f06-4196-7463-aa98-97aef1121900', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\xee150d15eab289527c532698a1b7221d4ce602a46f49f57bd976bf684ac234cd4ae90256a70db02f1bf4d1bdd4e581cf467685d266488f1b8e31b14814b3c25fe418b061ff49f88721464e2bcb348cb6bfc443b6c6dca985a708948b761a001083558a982dc1b727dcbe0bd3988bea82ccefbeb891ba6c3be81aeef08aa51b00a9e686d599d29ae0560b641a0f49386364dd86cc8519416cc2c98c3404d198a3080918f1e37f', '5b6dc2e3eada29ed'),
	('01a22f06-41b8-7800-8867-34ceca5cd6cc', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x49959712aafd146873088b3ea3309bd042a8f4f72764f351d9f303ca09f8fc0a89bb21864c1511d2cef2d9cc46ff83e3e880451b2a5478252fece35c5a8760c9ffa27b06a0c8b1d012bee709261d33b8346e6d2bac02f17d4f054914d7316a07bc57777ee73ee86959553534b6f246fba3f6ba91b12ed2a5bb9fbf73d6b800ead597b090392910428c660a87605f452328d5b3ea2d620e2a41113bb2f74683192a891f10fc5a', '5b6dc2e3eada29ed'),
	('01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-413b-71d3-918e-f8d57309823f', '\xeb7d5c7a5b1e4c8b2ca2e64fa7f55669a55b2d4b04a5efdfcb0b0552a542eb673ca0dae6e439fe5e55dc54b46d77f750a8279d30d015c4304f0b9a9cfee0a81c3ee4be3d48cef9b4d255459cca4bfc46fb03f96ff8d267f82c777b5813108bc6795b9dda52a4d294fa1086ffcc682ac39e15e9a1cb8b352de2ae1287916e64166d21283d66627e30cf48ff2cbb06113fdc78667a7dc1bc0d93591bf8da11c4f449ce1f3834be', '5b6dc2e3eada29ed'),
	('01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-413b-71d3-918e-f8d57309823f', '\xffec6038e6e3bb91a32e239d685d9c6db23d8b43f4e07ac6e8947172a8e9d7363e4b015d9c69754f6b0a946f292e85dc12a4469ec5dffda1f4941d66ae0f100b5296eb1a31956e1209ebf83b5e81fecdf59a92d64e75a723948a4d69e607ddec93a32a001d5b3ea6d482f1db7d848aa4ca1743b3c978a5f02cbc11a068e6dd5aba32bb60c2c7d7def335734c6334878a2c88a1bdd375c313702e6ed4a6ba573ec02e7d04d46c', '5b6dc2e3eada29ed'),
	('01a22f06-4297-7108-bbb5-899e9dac5156', '01a22f06-413b-71d3-918e-f8d57309823f', '\xfcaba10340c30eb5bdb60917aa299084add0589cd3068a43a5fdf16fa14cb099c09ec2fade2330751528cca155a22b0998d0466c197247290dcc65d90fb126f1a35f378afc6797bf288900d803f3e5d12919b205d538d3901136f1a336cfe1faecc5151c324b520f0f25ac52626d295351ee2aff3fa01fbb8d698313817f3d6f70b665b3177f18351f5027d7fa397eb8c95b5b8e6dd6e91cf4bdb780cf495ba17ae086bfee95', '5b6dc2e3eada29ed'),
	('01a22f06-42c4-7f8c-8a6a-5582a01e68a0', '01a22f06-413b-71d3-918e-f8d57309823f', '\x177c681a806ed0dc98c6ee9064aa40fe3b8bbc86e45ed303933aad6164874cac658ec53f59fa684c68d3e2bf17fbf5f63283b4376f2c4bee351c0c3548d5dc722e4a3f6063d81847df8d058ad48435ccc3dac4bab89dae0c1cbef71c303da0a216be17d8ad199aa5dc00130b90c60f873a8b425eb97837e502eab43c9c98edbc5b6088bbbba41fa7f09a8e285ae3e8b32fed381c89299129a46b7b49c0d4146f9832dd9b612a', '5b6dc2e3eada29ed'),
	('01a22f06-42e8-74f7-9b45-9e6e8498cbf4', '01a22f06-413b-71d3-918e-f8d57309823f', '\x1ab168af6f12f372bc089bcc501535e6885db2b5c89c99cc36cec73ce3acacce9e432a768b8692a6fae96932af466a308de0be41141795c412eb0c6fa50293bd1f355efb68d993ae8e002ab392151c85e5fb3854002904c4b2191a6b915f2175e178e7ffd2ffa2abd4ac7edb6cf72837781ac9a105227d467638cde8081c70f79fdeb7d358c90fd6048a05e31161d01f81a524fd1c613355398a2eb89c3aed8f480e0547d093', '5b6dc2e3eada29ed'),
	('01a22f06-431d-71da-9f00-4f5e5c4241dd', '01a22f06-413b-71d3-918e-f8d57309823f', '\x1433ed83fc174576c9a9a8452fffed93da30c7f42645ea7ec7bb76a8856069dea6c303b7dded65631a99cf10f3904921a178a2fb2179b83a519e6e570d226ee4df53f3a55526ddae3d9ddbf04ec355ce42334ed8a92d048052b1a29da4cfb474429fbcd831e3924b295d86ac1c9201ccf1a55e1217c471cfc58d0e6b61e93f1671ca98b61235fd787797040ebbeeb75d3a64300fb380accd25255859e1786247f729543d942c', '5b6dc2e3eada29ed'),
	('01a22f06-4336-71ee-8a81-33c2a0cfc557', '01a22f06-413b-71d3-918e-f8d57309823f', '\x322d32f5a712c971bcf012a2ab9ed315580516045caf28feee9af8b23d57b8144f96aec31cece1b27b843d8e37f89f61b6d14c6bedee094c55e127b7ed7bf5068f8568de4bb93e3c1a936352a28e26c6a1780b79bf91697879790b0a9890db8a14b744f4a2f3d19123628fd38a9277c396a5c25bc242c8ea3f8ca03fb62b1e1a4a977625cd976955921b38bec1815c7ce31c5a6c0726d57bdf4b500f85468fec976c9d71722c', '5b6dc2e3eada29ed'),
	('01a22f06-4351-76c8-8633-479e65e38733', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x8ad13d501e390215a6d87bc8d19f3f6da106bc99b8f83832083ef83655e87e99d6bbd30c08e1de920178485c216cf086c3229c3775462db746573d0848344b62ad8b868145e5dafdb92251165309f44be4909df7e0ddc0178089297f3bc7f7fe672c95e93be732ae0c663c40697a77c4cfa14b50acbd8143a69df5e32120326b96a43a74d7889cb61fdf962111c617d815dac415e3cdf371ec3c355b2310c7cb514a2720f26a', '5b6dc2e3eada29ed'),
	('01a22f06-436b-713d-af27-4b686352dd57', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\xacabb456ffefca75b8ea9cbfec487599899b72b2740a2ba348e481048d3ce69e1631abe2e98efde568cfbf24f6b2e1471cd2c8984f4d2322f0925cc4524c0380a4c7ef2082547618ca1d56b475535506a9208f659d68e7f318b489ddd61787698af0859e131930707e08114bc9b620cf2aa6e912c8f5a1a4d864353c7988e7378ec3ec696be3994b004121ea2f2055cc94b1b8597164f03a346faea1b03a6649b7925d4d31e0', '5b6dc2e3eada29ed'),
	('01a22f06-4305-71dd-8f9b-a66a220aab71', '01a22f06-413b-71d3-918e-f8d57309823f', '\x', '5b6dc2e3eada29ed');


--
-- Data for Name: agents; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.agents VALUES
	('01a22f06-304a-79a9-943e-7c14e4435db3', '01a22f06-3044-7aaa-81ab-55aee256e54e', 'admin@system.invalid', 'custom', '1.0.0', '{instance:administer}', 'platform', 'production', 'First administrator', NULL, false, '{admin:orgs,agents:read,agents:write,audit:read,openid,tokens:read,webhooks:read,webhooks:write}', 'active', NULL, '{"x": "vj1doNHaw3cAeJihg-aJ15ofyQYNmuq6GB8G5Cpg8gQ", "y": "WlW2mYNHwvlOUr0BHVPkMDVVhI0K7SDK-KbOJZQxzjM", "alg": "ES256", "crv": "P-256", "kid": "XOqplMPwpaRoJK7MXs29_sP7yvHw12t5vYeIDp7-dhs", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:24.458265+00', '2026-12-01 00:34:24.458265+00', NULL, 1, NULL, NULL, false),
	('01a22f06-413f-776c-8437-a825c32da5d2', '01a22f06-413b-71d3-918e-f8d57309823f', 'admin@alpha.example', 'custom', '1.0.0', '{organization:administer}', 'recordings', 'production', 'First administrator', NULL, false, '{admin:orgs,agents:read,agents:write,audit:read,openid,tokens:read,webhooks:read,webhooks:write}', 'active', NULL, '{"x": "YfTjT8RTzb-Pgl8my-V-VQX5W0qmCFVmY4UwrD7gFOs", "y": "JmujfbP9miYhwnu-OVitoFnszxFaNQyejI8H7HS4ukU", "alg": "ES256", "crv": "P-256", "kid": "PDBX3t6AKaKGJbbhqWmDWi2wrDxpuen8uYguZcsCBc0", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:28.799685+00', '2026-12-01 00:34:28.799685+00', NULL, 1, NULL, NULL, false),
	('01a22f06-4196-7463-aa98-97aef1121900', '01a22f06-4167-7bdb-8d17-e5ad8012b277', 'admin@beta.example', 'custom', '1.0.0', '{organization:administer}', 'recordings', 'production', 'First administrator', NULL, false, '{admin:orgs,agents:read,agents:write,audit:read,openid,tokens:read,webhooks:read,webhooks:write}', 'active', NULL, '{"x": "jmtZoNGvBmY2QSh4Qpa1xWyCRGG0LhAamlPlRzY-yF8", "y": "mCLy0ZVzP3WKv6shsb0xAvDO-ve6fbCCSqpzb-K5iJ8", "alg": "ES256", "crv": "P-256", "kid": "TVOUidNAz5ZvBFlI3QcL9O7Y1MieboMdfXzpqPO7gDI", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:28.888716+00', '2026-12-01 00:34:28.888716+00', NULL, 1, NULL, NULL, false),
	('01a22f06-41b8-7800-8867-34ceca5cd6cc', '01a22f06-41b3-7f47-9f49-14d270fd6206', 'admin@gamma.example', 'custom', '1.0.0', '{organization:administer}', 'recordings', 'production', 'First administrator', NULL, false, '{admin:orgs,agents:read,agents:write,audit:read,openid,tokens:read,webhooks:read,webhooks:write}', 'active', NULL, '{"x": "96fqVXM_66vMC6lwOTvFetwrs9O4Zb1FmGv_5Ed20u4", "y": "w6kzp130pw915cZV5IQifYt3jc_J8wqAkrDYZF4qF2s", "alg": "ES256", "crv": "P-256", "kid": "s5uiwu2bItmgmlX8fjbpCyL4mw_QZt4Iru6fvhgd_FM", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:28.920889+00', '2026-12-01 00:34:28.920889+00', NULL, 1, NULL, NULL, false),
	('01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-413b-71d3-918e-f8d57309823f', 'reader@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read,tokens:read}', 'active', NULL, '{"x": "VXlB4zD25-GHaqmxzA-HJT_vFftG9AcaXFpEfRnhcGo", "y": "M-KTkh4BCzyqZsdQc6BuiUD8PDf3O1X-IEQbyvms-9w", "alg": "ES256", "crv": "P-256", "kid": "tCdMxiAS4b0BvFVfcPaSeUWYxu_XLFK5sPRfyPVXl7I", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.052643+00', '2026-12-01 00:34:29.052643+00', NULL, 1, NULL, NULL, false),
	('01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-413b-71d3-918e-f8d57309823f', 'writer@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read,agents:write,tokens:read}', 'active', NULL, '{"x": "Wu7DycHNBv1yb1H6S6-ULPRgOpGdZdSunKCWNSC1QSI", "y": "6Jm0byNcGOIKKyvOqZ5ithLWco4Oz5hL9JqpEUd7xcw", "alg": "ES256", "crv": "P-256", "kid": "7SpEUVvtLwgqUkA56OyReswqBpnImVzdzXuNjUMhQbE", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.107327+00', '2026-12-01 00:34:29.107327+00', NULL, 1, NULL, NULL, false),
	('01a22f06-4297-7108-bbb5-899e9dac5156', '01a22f06-413b-71d3-918e-f8d57309823f', 'admin-without-role@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{admin:orgs,agents:read,agents:write,audit:read,tokens:read}', 'active', NULL, '{"x": "fp1ZwS6iMjyEPR9XZ1MHA2o6yHIZ31aaoRD0SF9hU1s", "y": "zw9QkrxDSbZAicaLxTzxI1sr7ppJ1SZ0y_jvZ8RL63U", "alg": "ES256", "crv": "P-256", "kid": "-I66qT4yBdG2TKsv4MSxXNsCdbw84qDdNuF463gF8VA", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.144116+00', '2026-12-01 00:34:29.144116+00', NULL, 1, NULL, NULL, false),
	('01a22f06-431d-71da-9f00-4f5e5c4241dd', '01a22f06-413b-71d3-918e-f8d57309823f', 'rotated@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read}', 'active', NULL, '{"x": "FGyvmAEQ8KWar2SVlZPueCk2IWKz4uZT5Bt13fxdl48", "y": "WQgTx4did67Bbs4tg598JEQLL1h2J3wNf71fBNz7iBI", "alg": "ES256", "crv": "P-256", "kid": "TvuPl7EcGy5zVfSE4satnkjf53SflMHlksLFnoBNBQk", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.277991+00', '2026-12-01 00:34:29.277991+00', NULL, 1, NULL, NULL, false),
	('01a22f06-4336-71ee-8a81-33c2a0cfc557', '01a22f06-413b-71d3-918e-f8d57309823f', 'without-credential@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read}', 'active', NULL, '{"x": "E8MYXAs0BAoTMhYOyqn0iPJ3-x1Lqrkm1m63Q-mFQEE", "y": "AOgl6ShtIo8Vg0SfhrivHqAaOEDxZL_Anr623BpVTtM", "alg": "ES256", "crv": "P-256", "kid": "GXMTQwRV4p4lfhqJ80R6oSW4ICUSHegzm7zDPqo79fs", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.302238+00', '2026-12-01 00:34:29.302238+00', NULL, 1, NULL, NULL, false),
	('01a22f06-4351-76c8-8633-479e65e38733', '01a22f06-4167-7bdb-8d17-e5ad8012b277', 'bee@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read,tokens:read}', 'active', NULL, '{"x": "iKHtunl8ACPNZJIdRYoJsW96l7D0c3MA7jA8I3g37jg", "y": "ix-0GTxwV2kXpM1G5fEa_y3ce4MWB1PV3oYLUBLFkjs", "alg": "ES256", "crv": "P-256", "kid": "lvp6xatkYL3rW__7pXFHtfKMQL5ARIvQoqCMdNoGfKk", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.329622+00', '2026-12-01 00:34:29.329622+00', NULL, 1, NULL, NULL, false),
	('01a22f06-436b-713d-af27-4b686352dd57', '01a22f06-41b3-7f47-9f49-14d270fd6206', 'cee@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read}', 'active', NULL, '{"x": "Krp4nOe15ROWPQBzvWgARwJguNvHo7_VWTMXvTu5JjU", "y": "DiNXWdPe8lJBF8V9lcNGe7h90Meb_RUvUnmfUKHbmZw", "alg": "ES256", "crv": "P-256", "kid": "FDJVToQFAadEus2KJ9udHMrFGcEyZj9sgBnjctYTZMg", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.355937+00', '2026-12-01 00:34:29.355937+00', NULL, 1, NULL, NULL, false),
	('01a22f06-42e8-74f7-9b45-9e6e8498cbf4', '01a22f06-413b-71d3-918e-f8d57309823f', 'suspended@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read}', 'suspended', '2026-12-01 00:34:30.720562+00', '{"x": "_3dpLY5kIdBeuqNB1NTBh53y-Nowk33Lpg2Ds6xaWQ0", "y": "Kf8OwLhxGmBXh3W4N5FOJYAubinxr2xHsebUMsrpLhY", "alg": "ES256", "crv": "P-256", "kid": "5nZzgU_X6O0R831__e9sqH2A0t649MWdt0Yr1DEnlN4", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.224502+00', '2026-12-01 00:34:30.720562+00', NULL, 1, NULL, NULL, false),
	('01a22f06-4305-71dd-8f9b-a66a220aab71', '01a22f06-413b-71d3-918e-f8d57309823f', 'gone@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read}', 'decommissioned', '2026-12-01 00:34:30.734765+00', '{"x": "nBJ_6DZLwAU01cDWZjRk9MORcm4rpcqO6ZBk_pSSIF0", "y": "qoTkotjg-aKDTXeI4nA3DheCsPi3vjAdh5k0zEPH0uI", "alg": "ES256", "crv": "P-256", "kid": "PZPtg4yVVFMF_JD-zgTIaJOaSzdglyTr7dSZzRsWDt8", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.253217+00', '2026-12-01 00:34:30.734765+00', '2026-12-01 00:34:30.734765+00', 1, NULL, NULL, false),
	('01a22f06-42c4-7f8c-8a6a-5582a01e68a0', '01a22f06-413b-71d3-918e-f8d57309823f', 'manager@recordings.example', 'custom', '1.0.0', '{report:read}', 'recordings', 'development', NULL, NULL, false, '{agents:read}', 'active', '2026-12-01 00:34:30.747846+00', '{"x": "7ph08xbSGCTnX1tMFX7Zu8QhDLKjzyXQlELPaCq3cgQ", "y": "w7mbd5w8q0TI51jZ6JLyxJlWHNY8ONdA-OjesIwEKSU", "alg": "ES256", "crv": "P-256", "kid": "RfjhWU30eCTXQW2jUAUxW7PKlQsFnnl8yzHozpYxhAQ", "kty": "EC", "use": "sig"}', '2026-12-01 00:34:29.189072+00', '2026-12-01 00:34:30.747846+00', NULL, 1, NULL, NULL, false);


--
-- Data for Name: audit_carried; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_checkpoints; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_checkpoints VALUES
	(2, '\x3498dcab60765954b777008164b1aeced571f94da0ace6e4db320b07ff550317', '127.0.0.1:54721/audit
2
NJjcq2B2WVS3dwCBZLGuztVx+U2grObk2zILB/9VAxc=

— 127.0.0.1:54721/audit RslW18wCQIfOXPQppn58BDh+z6TFceEAqMFRVy9yh8794AN1rOu5SgyIAr81/ihUlsgpqf1TvzyrjxgVlMlYhv1llw8=
', '2026-12-01 00:34:25.246614+00'),
	(89, '\xb661c4249611bb7910f0e9a460ff55c841c0d01c7dd28a8639805237caee7c0e', '127.0.0.1:54721/audit
89
tmHEJJYRu3kQ8OmkYP9VyEHA0Bx90oqGOYBSN8rufA4=

— 127.0.0.1:54721/audit RslW11OYh2LvkENPS5QWjUATFRLuebSih2nBaKOzcbj/YSvPxAs9YSZ8JeDw+UB0WOB1gxJGASSvpimmvCeXFyZsww0=
', '2026-12-01 00:35:25.6333+00');


--
-- Data for Name: audit_events_2026_12; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_events_2026_12 VALUES
	('01a22f06-304c-7a3a-9d8d-0e3a19c58cc0', '2026-12-01 00:34:24.460991+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', '01a22f06-304a-79a9-943e-7c14e4435db3', 'agent.created', 'success', NULL, NULL, '{"reason": "bootstrap"}'),
	('01a22f06-304e-734b-8f52-32c6a7eaad14', '2026-12-01 00:34:24.462891+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', '01a22f06-304a-79a9-943e-7c14e4435db3', 'credential.generated', 'success', NULL, NULL, '{"reason": "bootstrap", "credentialId": "01a22f06-304e-70a1-b8f8-e1f9c578993d"}'),
	('01a22f06-3b3e-7f5e-880d-93dacbe220a0', '2026-12-01 00:34:27.262014+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', '01a22f06-304a-79a9-943e-7c14e4435db3', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-3b12-750a-8161-a68448fc75a5", "scope": "admin:orgs agents:read agents:write audit:read openid tokens:read webhooks:read webhooks:write", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088867, "credentialId": "01a22f06-304e-70a1-b8f8-e1f9c578993d"}'),
	('01a22f06-413d-760f-9867-0e44fed8115d', '2026-12-01 00:34:28.79724+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'org.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"slug": "alpha", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "issuerKind": "instance", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f", "signingAlgorithm": null}'),
	('01a22f06-413e-7f26-873b-d998401b9be0', '2026-12-01 00:34:28.798139+00', '01a22f06-413b-71d3-918e-f8d57309823f', NULL, 'org.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"slug": "alpha", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "issuerKind": "instance", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f", "signingAlgorithm": null}'),
	('01a22f06-4147-7e83-a152-ae28bf5b3985', '2026-12-01 00:34:28.807727+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-413f-776c-8437-a825c32da5d2', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "admin@alpha.example", "scopes": ["admin:orgs", "agents:read", "agents:write", "audit:read", "openid", "tokens:read", "webhooks:read", "webhooks:write"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3"}'),
	('01a22f06-4148-7ae0-8ed7-3000f9efffcd', '2026-12-01 00:34:28.808059+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-413f-776c-8437-a825c32da5d2', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "credentialId": "01a22f06-4145-7bd0-9e50-a1a7c9fae3ee"}'),
	('01a22f06-4182-7eeb-9a43-ed141e4dc9fa', '2026-12-01 00:34:28.866823+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'org.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"slug": "beta", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "issuerKind": "organization", "organizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277", "signingAlgorithm": "ES256"}'),
	('01a22f06-4186-7a72-99b3-0a6465015c23', '2026-12-01 00:34:28.870609+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', NULL, 'org.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"slug": "beta", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "issuerKind": "organization", "organizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277", "signingAlgorithm": "ES256"}'),
	('01a22f06-41a1-7dd7-a823-8f02811ae91f', '2026-12-01 00:34:28.897252+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4196-7463-aa98-97aef1121900', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "admin@beta.example", "scopes": ["admin:orgs", "agents:read", "agents:write", "audit:read", "openid", "tokens:read", "webhooks:read", "webhooks:write"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3"}'),
	('01a22f06-41a3-7fdf-b520-8082bf829b22', '2026-12-01 00:34:28.89926+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4196-7463-aa98-97aef1121900', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "credentialId": "01a22f06-419b-7bb4-abd1-42b5376e8869"}'),
	('01a22f06-41b4-7656-9537-394798e815c7', '2026-12-01 00:34:28.916569+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'org.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"slug": "gamma", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "issuerKind": "instance", "organizationId": "01a22f06-41b3-7f47-9f49-14d270fd6206", "signingAlgorithm": null}'),
	('01a22f06-41b5-7627-ac74-f3b978a0a324', '2026-12-01 00:34:28.91722+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', NULL, 'org.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"slug": "gamma", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "issuerKind": "instance", "organizationId": "01a22f06-41b3-7f47-9f49-14d270fd6206", "signingAlgorithm": null}'),
	('01a22f06-41bd-718a-8afb-d87494ac1dbb', '2026-12-01 00:34:28.925088+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-41b8-7800-8867-34ceca5cd6cc', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "admin@gamma.example", "scopes": ["admin:orgs", "agents:read", "agents:write", "audit:read", "openid", "tokens:read", "webhooks:read", "webhooks:write"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3"}'),
	('01a22f06-41bd-73c2-89f8-9d2e37ba153a', '2026-12-01 00:34:28.925344+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-41b8-7800-8867-34ceca5cd6cc', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "credentialId": "01a22f06-41bb-7b54-b85d-44fb0fdb5327"}'),
	('01a22f06-41d2-71e5-952b-5a59debafddc', '2026-12-01 00:34:28.946871+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-413f-776c-8437-a825c32da5d2', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-41c9-7a29-b880-e8020ae7f5b0", "scope": "admin:orgs agents:read agents:write audit:read openid tokens:read webhooks:read webhooks:write", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088868, "credentialId": "01a22f06-4145-7bd0-9e50-a1a7c9fae3ee"}'),
	('01a22f06-4215-7407-8357-b1395811ef33', '2026-12-01 00:34:29.013687+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4196-7463-aa98-97aef1121900', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-4201-7faa-aee4-9d97b8740904", "scope": "admin:orgs agents:read agents:write audit:read openid tokens:read webhooks:read webhooks:write", "actorId": "01a22f06-4196-7463-aa98-97aef1121900", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088868, "credentialId": "01a22f06-419b-7bb4-abd1-42b5376e8869"}'),
	('01a22f06-4227-7251-a19d-58c0d5dad888', '2026-12-01 00:34:29.03152+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-41b8-7800-8867-34ceca5cd6cc', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-4222-70c5-a5e8-e50f3520193e", "scope": "admin:orgs agents:read agents:write audit:read openid tokens:read webhooks:read webhooks:write", "actorId": "01a22f06-41b8-7800-8867-34ceca5cd6cc", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088869, "credentialId": "01a22f06-41bb-7b54-b85d-44fb0fdb5327"}'),
	('01a22f06-4247-7fb4-8a07-11d258653ad8', '2026-12-01 00:34:29.063849+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "reader@recordings.example", "scopes": ["agents:read", "tokens:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-4264-716a-a9b3-53beba981b5f', '2026-12-01 00:34:29.092222+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-4277-7fcc-ba56-2c355394c9c0', '2026-12-01 00:34:29.111365+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "writer@recordings.example", "scopes": ["agents:read", "agents:write", "tokens:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-428e-785f-b6b7-796bf91ceadb', '2026-12-01 00:34:29.134095+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-429c-75dc-ad1a-8ecb84351da1', '2026-12-01 00:34:29.148372+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4297-7108-bbb5-899e9dac5156', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "admin-without-role@recordings.example", "scopes": ["admin:orgs", "agents:read", "agents:write", "audit:read", "tokens:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-42b3-7a71-87e3-657f573d78fb', '2026-12-01 00:34:29.171933+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4297-7108-bbb5-899e9dac5156', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-42b1-79f2-a1b2-044bc6f140dd"}'),
	('01a22f06-48c2-7c64-b260-cf1249c34477', '2026-12-01 00:34:30.722225+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', 'agent.suspended', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "allTokens": true}'),
	('01a22f06-42c7-74d6-908f-a0fc6d41b30f', '2026-12-01 00:34:29.191634+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "manager@recordings.example", "scopes": ["agents:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-48f2-7ec6-8343-71c5fced0440', '2026-12-01 00:34:30.77008+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-431d-71da-9f00-4f5e5c4241dd', 'credential.rotated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-432d-79bf-957f-98530d423a70", "revokedTokens": false, "overlapSeconds": 0}'),
	('01a22f06-4dc1-7044-8d23-5e5a32ab890b', '2026-12-01 00:34:32.00143+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', NULL, 'org.updated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"fields": ["tier"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "organizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}'),
	('01a22f06-4dc1-776a-b1c8-e7e0adfe7249', '2026-12-01 00:34:32.00172+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'org.updated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"fields": ["tier"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "organizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}'),
	('01a22f06-4dea-768b-9f66-80157a119aa3', '2026-12-01 00:34:32.042113+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'oidc.trust_policy_created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"rule": {"claims": {"claims": {}, "subject": "job-7"}}, "issuer": "https://localhost:54723", "pinned": {}, "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "policyId": "01a22f06-4de8-73a5-a032-73f6a07dd8ef", "provider": "oidc", "bootstrap": false}'),
	('01a22f06-6379-7987-91d2-063eca95e4fd', '2026-12-01 00:34:37.561983+00', '01a22f06-413b-71d3-918e-f8d57309823f', NULL, 'org.updated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"fields": ["signingAlgorithm"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f", "signingAlgorithm": {"to": "ES256", "from": null}}'),
	('01a22f06-42d6-7321-af11-a803e2a63e31', '2026-12-01 00:34:29.206365+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-42d4-7578-bee1-f8680aa08639"}'),
	('01a22f06-42df-740c-802e-59a5febe463a', '2026-12-01 00:34:29.215647+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'org.member_added', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"role": "admin", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-4df2-7bac-8275-75cb993ee7f2', '2026-12-01 00:34:32.05014+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'oidc.trust_policy_created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"rule": {"github": {"ref": "refs/heads/main", "repository": "octo-org/app"}}, "issuer": "https://token.actions.githubusercontent.com", "pinned": {}, "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "policyId": "01a22f06-4df1-729a-b80e-5e264d3084aa", "provider": "github", "bootstrap": false}'),
	('01a22f06-42ea-77d4-8f86-8bf63bb8b993', '2026-12-01 00:34:29.22639+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "suspended@recordings.example", "scopes": ["agents:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-42fc-7358-b1e5-5376c6aca635', '2026-12-01 00:34:29.244195+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-42fa-77be-80db-6652fbd1120d"}'),
	('01a22f06-4309-7f9a-87bc-8a3a37c8b7c9', '2026-12-01 00:34:29.257088+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4305-71dd-8f9b-a66a220aab71', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "gone@recordings.example", "scopes": ["agents:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-4874-78b1-8b7f-2c84bc41fd5e', '2026-12-01 00:34:30.644141+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'delegation.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"act": {"act": {"sub": "01a22f06-423c-7c9b-9981-f505b943433a"}, "sub": "01a22f06-42c4-7f8c-8a6a-5582a01e68a0"}, "scope": "agents:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "chainId": "01a22f06-4872-7fd6-a69f-88a35fd8e847", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "delegateeId": "01a22f06-42c4-7f8c-8a6a-5582a01e68a0", "delegateeOrganizationId": "01a22f06-413b-71d3-918e-f8d57309823f"}'),
	('01a22f06-48de-7155-be2d-0a369114ad2b', '2026-12-01 00:34:30.75045+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'token.revoked', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "allTokens": true}'),
	('01a22f06-4de0-7aa7-9796-db9a75d9e762', '2026-12-01 00:34:32.032393+00', '01a22f06-413b-71d3-918e-f8d57309823f', NULL, 'federation.partner_created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"issuer": "https://localhost:54723", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "jwksUri": "https://localhost:54723/.well-known/jwks", "partnerId": "01a22f06-4ddb-742e-8879-f17d80e01c39", "allowedOrganizations": ["org-7"]}'),
	('01a22f06-4e05-7504-93bb-c0a038bba944', '2026-12-01 00:34:32.069321+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', NULL, 'federation.grant_created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"scope": "agents:read", "actorId": "01a22f06-4196-7463-aa98-97aef1121900", "grantId": "01a22f06-4e04-7572-9bb1-c54ac08d3786", "expiresAt": null, "granteeId": "01a22f06-413b-71d3-918e-f8d57309823f"}'),
	('01a22f06-7b11-76ff-a52b-00b3abab39e5', '2026-12-01 00:34:43.601626+00', '01a22f06-413b-71d3-918e-f8d57309823f', NULL, 'org.updated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"fields": ["signingAlgorithm"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f", "signingAlgorithm": {"to": "EdDSA", "from": "ES256"}}'),
	('01a22f06-7b1b-7c31-b41d-032dd037c72f', '2026-12-01 00:34:43.611117+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'key.rotated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kid": "n7H1m_NwbDbWGWMrVU7FtJbIHZ6VF6xRbEybe4U5kuU", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "chosenBy": "01a22f06-413b-71d3-918e-f8d57309823f", "algorithm": "EdDSA"}'),
	('01a22f06-4314-7389-8e56-9c455ecf23a7', '2026-12-01 00:34:29.268702+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4305-71dd-8f9b-a66a220aab71', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-4314-7e95-aef2-7378f2ede41e"}'),
	('01a22f06-4321-709d-8e24-23ee71e46af7', '2026-12-01 00:34:29.281026+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-431d-71da-9f00-4f5e5c4241dd', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "rotated@recordings.example", "scopes": ["agents:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-4330-7431-bcbc-a036d6a1a3fd', '2026-12-01 00:34:29.296123+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-431d-71da-9f00-4f5e5c4241dd', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "thumbprint": null, "credentialId": "01a22f06-432d-79bf-957f-98530d423a70"}'),
	('01a22f06-433d-7868-86fb-d9ec5121846c', '2026-12-01 00:34:29.309646+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4336-71ee-8a81-33c2a0cfc557', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "without-credential@recordings.example", "scopes": ["agents:read"], "actorId": "01a22f06-413f-776c-8437-a825c32da5d2"}'),
	('01a22f06-4882-725a-8856-b429c268108a', '2026-12-01 00:34:30.658592+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'delegation.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"act": {"sub": "01a22f06-423c-7c9b-9981-f505b943433a"}, "scope": "agents:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "chainId": "01a22f06-4880-788d-8e88-df83bfa3400a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "delegateeId": "01a22f06-423c-7c9b-9981-f505b943433a", "delegateeOrganizationId": "01a22f06-413b-71d3-918e-f8d57309823f"}'),
	('01a22f06-4897-7759-a612-9fb4a05ea39f', '2026-12-01 00:34:30.67962+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.revoked', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-488e-7d6b-933d-8111e1d04679", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a"}'),
	('01a22f06-48d2-760d-bf03-88c6814e8e1f', '2026-12-01 00:34:30.738079+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4305-71dd-8f9b-a66a220aab71', 'agent.decommissioned', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "revokedCredentials": 1}'),
	('01a22f06-4356-7009-b88b-3005f3655b72', '2026-12-01 00:34:29.33458+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4351-76c8-8633-479e65e38733', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "bee@recordings.example", "scopes": ["agents:read", "tokens:read"], "actorId": "01a22f06-4196-7463-aa98-97aef1121900"}'),
	('01a22f06-4361-7b61-b249-80d31b515f77', '2026-12-01 00:34:29.34532+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4351-76c8-8633-479e65e38733', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-4196-7463-aa98-97aef1121900", "thumbprint": null, "credentialId": "01a22f06-435f-74ab-a8d3-0fa808442951"}'),
	('01a22f06-436e-735f-8b22-ef5002f33e36', '2026-12-01 00:34:29.358384+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-436b-713d-af27-4b686352dd57', 'agent.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"email": "cee@recordings.example", "scopes": ["agents:read"], "actorId": "01a22f06-41b8-7800-8867-34ceca5cd6cc"}'),
	('01a22f06-486a-7618-9bf5-7c88eb887ce2', '2026-12-01 00:34:30.634799+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'delegation.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"act": {"sub": "01a22f06-423c-7c9b-9981-f505b943433a"}, "scope": "agents:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "chainId": "01a22f06-4867-7267-8e90-8c989e8f092c", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "delegateeId": "01a22f06-423c-7c9b-9981-f505b943433a", "delegateeOrganizationId": "01a22f06-413b-71d3-918e-f8d57309823f"}'),
	('01a22f06-437d-70c7-9996-c2880e7c32e5', '2026-12-01 00:34:29.373321+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-436b-713d-af27-4b686352dd57', 'credential.generated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kind": "client_secret", "actorId": "01a22f06-41b8-7800-8867-34ceca5cd6cc", "thumbprint": null, "credentialId": "01a22f06-437b-75cc-b429-9ba88138260f"}'),
	('01a22f06-52da-7c61-aa39-2d5f6df5d0d5', '2026-12-01 00:34:33.306415+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'key.rotated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"kid": "fzhrBzj_9I_K5QoG4L5Vmt-11aCIlt6KxTo88sMaJio", "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "algorithm": "ES256"}'),
	('01a22f06-4848-7e57-afff-da2c08853418', '2026-12-01 00:34:30.600641+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-4848-7449-90a7-708fb061eba1", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-484d-7915-a7bd-d44adf38120d', '2026-12-01 00:34:30.605475+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-484d-7845-8160-a721d9ab1d70", "scope": "agents:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-4850-79ae-9b16-baec659440b8', '2026-12-01 00:34:30.608595+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-4850-70e2-bf65-21e006b854ff", "scope": "agents:read agents:write tokens:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-4853-7b77-9837-5e32be8b034b', '2026-12-01 00:34:30.611881+00', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4351-76c8-8633-479e65e38733', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-4853-74be-bcd6-c77d46b49c6a", "scope": "agents:read tokens:read", "actorId": "01a22f06-4351-76c8-8633-479e65e38733", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-435f-74ab-a8d3-0fa808442951"}'),
	('01a22f06-485c-71a0-b0a6-75dae0b36de7', '2026-12-01 00:34:30.620003+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-485b-70d9-b647-fd3608c5a701", "scope": "agents:read tokens:read", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-4145-7bd0-9e50-a1a7c9fae3ee"}'),
	('01a22f06-485e-72a2-81a8-1baa9c0a0a4d', '2026-12-01 00:34:30.622761+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-485e-7003-828f-64f83ddbc8ed", "scope": "agents:read agents:write tokens:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-4876-7a7c-8782-15d4e7d2b8ce', '2026-12-01 00:34:30.646917+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-4876-795b-922b-0ad9a368accc", "scope": "agents:read agents:write tokens:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-488f-736a-9be4-be3f3f56288a', '2026-12-01 00:34:30.671075+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-488e-7d6b-933d-8111e1d04679", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-48a4-785c-b4b5-58949d012107', '2026-12-01 00:34:30.692969+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-48a4-7cc1-b3de-b7e400bf2b84", "scope": "agents:read", "actorId": "01a22f06-42e8-74f7-9b45-9e6e8498cbf4", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-42fa-77be-80db-6652fbd1120d"}'),
	('01a22f06-48aa-74bb-8a49-83353341637a', '2026-12-01 00:34:30.698787+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4305-71dd-8f9b-a66a220aab71', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-48aa-7df7-8ee4-1a697b18a90c", "scope": "agents:read", "actorId": "01a22f06-4305-71dd-8f9b-a66a220aab71", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-4314-7e95-aef2-7378f2ede41e"}'),
	('01a22f06-48ad-77e9-a221-6388d045c3b8', '2026-12-01 00:34:30.701857+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-48ad-7907-840a-b1f23f335c5c", "scope": "agents:read", "actorId": "01a22f06-42c4-7f8c-8a6a-5582a01e68a0", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-42d4-7578-bee1-f8680aa08639"}'),
	('01a22f06-48b1-7177-a93e-98d7aceb2b62', '2026-12-01 00:34:30.705575+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-436b-713d-af27-4b686352dd57', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-48b1-7ef0-93ab-2504764b2c2c", "scope": "agents:read", "actorId": "01a22f06-436b-713d-af27-4b686352dd57", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088870, "credentialId": "01a22f06-437b-75cc-b429-9ba88138260f"}'),
	('01a22f06-6365-7009-b861-035328687b3a', '2026-12-01 00:34:37.541883+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-6363-79d7-a650-930fe73af289", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088877, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-7b00-72d9-85e0-d4747927116e', '2026-12-01 00:34:43.584177+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-7afc-7ac2-a613-d90ecef10aec", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088883, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-4889-73db-91cc-e4098bc9c129', '2026-12-01 00:34:30.665527+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'delegation.revoked', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "chainId": "01a22f06-4880-788d-8e88-df83bfa3400a", "delegateeId": "01a22f06-423c-7c9b-9981-f505b943433a", "delegatorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85"}'),
	('01a22f06-4dff-77d4-a664-5aca90cc8f3c', '2026-12-01 00:34:32.063553+00', '01a22f06-413b-71d3-918e-f8d57309823f', NULL, 'federation.grant_created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"scope": "agents:read", "actorId": "01a22f06-413f-776c-8437-a825c32da5d2", "grantId": "01a22f06-4dfe-7379-9613-ecca58f3b9a0", "expiresAt": null, "granteeId": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}'),
	('01a22f06-4db9-7f71-9435-ae27f7abea21', '2026-12-01 00:34:31.993101+00', '01a22f06-41b3-7f47-9f49-14d270fd6206', NULL, 'org.suspended', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "organizationId": "01a22f06-41b3-7f47-9f49-14d270fd6206"}'),
	('01a22f06-4db9-766b-8c90-0a66090199d0', '2026-12-01 00:34:31.993973+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'org.suspended', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "organizationId": "01a22f06-41b3-7f47-9f49-14d270fd6206"}'),
	('01a22f06-4e0d-7cf7-bd79-a1f11b0fe82a', '2026-12-01 00:34:32.077535+00', '01a22f06-413b-71d3-918e-f8d57309823f', NULL, 'org.updated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"fields": ["allowedResources"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f", "allowedResources": ["https://orders.example"]}'),
	('01a22f06-4e0e-7e4b-93d4-a121b2b4bfb8', '2026-12-01 00:34:32.078472+00', '01a22f06-3044-7aaa-81ab-55aee256e54e', NULL, 'org.updated', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"fields": ["allowedResources"], "actorId": "01a22f06-304a-79a9-943e-7c14e4435db3", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f", "allowedResources": ["https://orders.example"]}'),
	('01a22f06-7f19-78a9-b9ff-baf5f2706162', '2026-12-01 00:34:44.633455+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-7f13-77fc-b4da-53db39954bda", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088884, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-8313-7192-b4c0-b0f0075f7e7a', '2026-12-01 00:34:45.651165+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-8311-7516-a2c3-b557a400e250", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088885, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-871b-7750-aa3f-71ff1639c120', '2026-12-01 00:34:46.683368+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-8710-7e29-a392-2186dcbf20f2", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088886, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-8b16-7f4d-ad4c-b769936cc9ac', '2026-12-01 00:34:47.7024+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-8b12-728f-bc17-ed9fc59f51e9", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088887, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-8f12-7197-908c-c5199a0ef1a7', '2026-12-01 00:34:48.722072+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-8f09-720e-9d56-e5aeb4ac4ca3", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088888, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-9302-7b3c-af7c-11c23bbb08d5', '2026-12-01 00:34:49.730167+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-92ff-7403-aa35-d26b058a0d63", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088889, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-9705-7050-8719-27e2e39805e9', '2026-12-01 00:34:50.757389+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-9703-71ee-bfe7-fdf582a0fae7", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088890, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-9b02-7333-a969-596e050a1278', '2026-12-01 00:34:51.778135+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-9aff-7941-ae06-599ac8918de4", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088891, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}'),
	('01a22f06-9b0b-7ee3-b3a6-d4d5d0b8ba22', '2026-12-01 00:34:51.787559+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-9b0b-7d81-8ffb-c10f6dca37cb", "scope": "agents:read agents:write tokens:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088891, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-9b16-74b5-8453-7d62f9d78a19', '2026-12-01 00:34:51.798657+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'delegation.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"act": {"sub": "01a22f06-423c-7c9b-9981-f505b943433a"}, "scope": "agents:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "chainId": "01a22f06-9b12-74ce-9260-90828fe8625d", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088891, "delegateeId": "01a22f06-423c-7c9b-9981-f505b943433a", "delegateeOrganizationId": "01a22f06-413b-71d3-918e-f8d57309823f"}'),
	('01a22f06-9b1b-77c8-be38-8b3aca7eefc3', '2026-12-01 00:34:51.80394+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-9b1b-7565-bc87-3fc27c75162b", "scope": "agents:read agents:write tokens:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088891, "credentialId": "01a22f06-428a-70db-8627-6dce13185d40"}'),
	('01a22f06-9b25-7c24-922c-e28828caf74e', '2026-12-01 00:34:51.813953+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'delegation.created', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"act": {"sub": "01a22f06-4351-76c8-8633-479e65e38733", "organization_id": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}, "scope": "agents:read", "actorId": "01a22f06-4273-7f77-ad47-e2f4181f7e85", "chainId": "01a22f06-9b23-73dd-a25d-188f8266c360", "audience": ["http://127.0.0.1:54721"], "expiresAt": 1796088891, "delegateeId": "01a22f06-4351-76c8-8633-479e65e38733", "delegateeOrganizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}'),
	('01a22f06-9b2e-7a7a-a412-e47b7260c2f8', '2026-12-01 00:34:51.822387+00', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', 'token.issued', 'success', '127.0.0.1', 'Python-urllib/3.11', '{"jti": "01a22f06-9b2e-703e-928e-097285134d2a", "scope": "agents:read tokens:read", "actorId": "01a22f06-423c-7c9b-9981-f505b943433a", "audience": ["https://orders.example"], "expiresAt": 1796088891, "credentialId": "01a22f06-4261-7a5a-b853-67493f141fdf"}');


--
-- Data for Name: audit_events_2027_01; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_events_2027_02; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_events_2027_03; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_events_default; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: audit_seals; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_seals VALUES
	(1, '01a22f06-304c-7a3a-9d8d-0e3a19c58cc0', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x23ee1167d9b63134ace63bfd438683db39820a4a15f5ee6b733d08d4e0f24664', '\x08469ecd5863cbfc0583223fb070b51bf1a52f1aa1d6040ac1fd1af3d0548633', '2026-12-01 00:34:24.460991+00'),
	(2, '01a22f06-304e-734b-8f52-32c6a7eaad14', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x08469ecd5863cbfc0583223fb070b51bf1a52f1aa1d6040ac1fd1af3d0548633', '\x21a417d75e8bdc095b7d6927072a24f9d875e562bba59463ad8d750f7cef2ba5', '2026-12-01 00:34:24.462891+00'),
	(3, '01a22f06-3b3e-7f5e-880d-93dacbe220a0', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x21a417d75e8bdc095b7d6927072a24f9d875e562bba59463ad8d750f7cef2ba5', '\xf16509f875deceb6530a743d6ce2d5920df72619f31697687d52e85bfbb5d48a', '2026-12-01 00:34:27.262014+00'),
	(4, '01a22f06-413d-760f-9867-0e44fed8115d', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\xf16509f875deceb6530a743d6ce2d5920df72619f31697687d52e85bfbb5d48a', '\x4af6f25236c36f2f18b6658da314ac0894cf0f6cdd4d1d6ec5384bd3af52b6a2', '2026-12-01 00:34:28.79724+00'),
	(5, '01a22f06-413e-7f26-873b-d998401b9be0', '01a22f06-413b-71d3-918e-f8d57309823f', '\x4af6f25236c36f2f18b6658da314ac0894cf0f6cdd4d1d6ec5384bd3af52b6a2', '\x5c2be5a588c758730f34d5b25b15d4ebd8993216360c0e6d32ec4e1c8fec6bb9', '2026-12-01 00:34:28.798139+00'),
	(6, '01a22f06-4147-7e83-a152-ae28bf5b3985', '01a22f06-413b-71d3-918e-f8d57309823f', '\x5c2be5a588c758730f34d5b25b15d4ebd8993216360c0e6d32ec4e1c8fec6bb9', '\x4fa44bdf83b6dbcd7b577bd959976fb8106f9607047a03150bcdf074dff45391', '2026-12-01 00:34:28.807727+00'),
	(7, '01a22f06-4148-7ae0-8ed7-3000f9efffcd', '01a22f06-413b-71d3-918e-f8d57309823f', '\x4fa44bdf83b6dbcd7b577bd959976fb8106f9607047a03150bcdf074dff45391', '\xea452006312d882eecec13c68a10685a4ca6523b5452937b317f2fc6ec1bf5f7', '2026-12-01 00:34:28.808059+00'),
	(8, '01a22f06-4182-7eeb-9a43-ed141e4dc9fa', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\xea452006312d882eecec13c68a10685a4ca6523b5452937b317f2fc6ec1bf5f7', '\x0792ad02ead4034fcb5fcfaced3b7dd42091d190a6c3acc4aeef6543fd64a9b9', '2026-12-01 00:34:28.866823+00'),
	(9, '01a22f06-4186-7a72-99b3-0a6465015c23', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x0792ad02ead4034fcb5fcfaced3b7dd42091d190a6c3acc4aeef6543fd64a9b9', '\x5b66b6f1cc7f940d10ebff1c64563fb1c3718827b78d9616ffaeb153518a59e1', '2026-12-01 00:34:28.870609+00'),
	(10, '01a22f06-41a1-7dd7-a823-8f02811ae91f', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x5b66b6f1cc7f940d10ebff1c64563fb1c3718827b78d9616ffaeb153518a59e1', '\x7d95a4ed5c84bcfccdaef4f4daacd302f8918f8cbc92c27330974bbaca816a8c', '2026-12-01 00:34:28.897252+00'),
	(11, '01a22f06-41a3-7fdf-b520-8082bf829b22', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x7d95a4ed5c84bcfccdaef4f4daacd302f8918f8cbc92c27330974bbaca816a8c', '\x499e7fd5e568167d5bbb4e533285c19bf603b0fe5f53527fc0bfedb991403ae3', '2026-12-01 00:34:28.89926+00'),
	(12, '01a22f06-41b4-7656-9537-394798e815c7', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x499e7fd5e568167d5bbb4e533285c19bf603b0fe5f53527fc0bfedb991403ae3', '\xa584f144527c618175018f57b5a0e1da0bb9df94c19ba2484338766f8269cac4', '2026-12-01 00:34:28.916569+00'),
	(13, '01a22f06-41b5-7627-ac74-f3b978a0a324', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\xa584f144527c618175018f57b5a0e1da0bb9df94c19ba2484338766f8269cac4', '\xb89d75ecd0204cca64e0d1a8cb80d9be2ba3d707b6539f2efa4c10cc9cfdd0de', '2026-12-01 00:34:28.91722+00'),
	(14, '01a22f06-41bd-718a-8afb-d87494ac1dbb', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\xb89d75ecd0204cca64e0d1a8cb80d9be2ba3d707b6539f2efa4c10cc9cfdd0de', '\x3efb6702ea1a4b1bacbcc6b4245929e7074d250325aed91e53b69d822f26a399', '2026-12-01 00:34:28.925088+00'),
	(15, '01a22f06-41bd-73c2-89f8-9d2e37ba153a', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x3efb6702ea1a4b1bacbcc6b4245929e7074d250325aed91e53b69d822f26a399', '\x285b22253d0278811238bf4f59a4251226e11eac84e1a41a46ae009c82d7cfed', '2026-12-01 00:34:28.925344+00'),
	(16, '01a22f06-41d2-71e5-952b-5a59debafddc', '01a22f06-413b-71d3-918e-f8d57309823f', '\x285b22253d0278811238bf4f59a4251226e11eac84e1a41a46ae009c82d7cfed', '\x60d30b302e41bb9f2c55e3fdbd505ffa7e2968d4f05fe331986b1bcb7fe2be8f', '2026-12-01 00:34:28.946871+00'),
	(17, '01a22f06-4215-7407-8357-b1395811ef33', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x60d30b302e41bb9f2c55e3fdbd505ffa7e2968d4f05fe331986b1bcb7fe2be8f', '\x85220389f14dd23941b95e99e7472b48a091576d798c7709dca9bd0a3cba1326', '2026-12-01 00:34:29.013687+00'),
	(18, '01a22f06-4227-7251-a19d-58c0d5dad888', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x85220389f14dd23941b95e99e7472b48a091576d798c7709dca9bd0a3cba1326', '\x3950b3a8c599b2e1f645f0000199979fd0a2a4a0d0d969448ca2727250b88e6f', '2026-12-01 00:34:29.03152+00'),
	(19, '01a22f06-4247-7fb4-8a07-11d258653ad8', '01a22f06-413b-71d3-918e-f8d57309823f', '\x3950b3a8c599b2e1f645f0000199979fd0a2a4a0d0d969448ca2727250b88e6f', '\x183b36515dbe3db46d0d5a3d8de93dfa5341ebc5e1edd99a3712a46f27fe498c', '2026-12-01 00:34:29.063849+00'),
	(20, '01a22f06-4264-716a-a9b3-53beba981b5f', '01a22f06-413b-71d3-918e-f8d57309823f', '\x183b36515dbe3db46d0d5a3d8de93dfa5341ebc5e1edd99a3712a46f27fe498c', '\xde86d49adcdefeb17e8d511babc01555ecfd6efc3c0a6ad283425ae0be119a34', '2026-12-01 00:34:29.092222+00'),
	(21, '01a22f06-4277-7fcc-ba56-2c355394c9c0', '01a22f06-413b-71d3-918e-f8d57309823f', '\xde86d49adcdefeb17e8d511babc01555ecfd6efc3c0a6ad283425ae0be119a34', '\x27f814da2f596a2638e183f7f71274f059a1f0bb008eb28b6eb4dcd538ccd7ac', '2026-12-01 00:34:29.111365+00'),
	(22, '01a22f06-428e-785f-b6b7-796bf91ceadb', '01a22f06-413b-71d3-918e-f8d57309823f', '\x27f814da2f596a2638e183f7f71274f059a1f0bb008eb28b6eb4dcd538ccd7ac', '\x04c662ea9dcc7b10b12ec3948caea4d4ca7dfd17e13ddbc3a7064549f98dbfdf', '2026-12-01 00:34:29.134095+00'),
	(23, '01a22f06-429c-75dc-ad1a-8ecb84351da1', '01a22f06-413b-71d3-918e-f8d57309823f', '\x04c662ea9dcc7b10b12ec3948caea4d4ca7dfd17e13ddbc3a7064549f98dbfdf', '\xe900a7234281e8e29c16c927d98d02092e28259b5bbd465470fa2fa663d8a283', '2026-12-01 00:34:29.148372+00'),
	(24, '01a22f06-42b3-7a71-87e3-657f573d78fb', '01a22f06-413b-71d3-918e-f8d57309823f', '\xe900a7234281e8e29c16c927d98d02092e28259b5bbd465470fa2fa663d8a283', '\xacff5a49147260f7852750dd01be01988372b3e422cde470b1a1cf76ad4c801b', '2026-12-01 00:34:29.171933+00'),
	(25, '01a22f06-42c7-74d6-908f-a0fc6d41b30f', '01a22f06-413b-71d3-918e-f8d57309823f', '\xacff5a49147260f7852750dd01be01988372b3e422cde470b1a1cf76ad4c801b', '\x4022c792c113dac02ffba77e838cfb7dddc527946b7757fccc399ec8d67789f0', '2026-12-01 00:34:29.191634+00'),
	(26, '01a22f06-42d6-7321-af11-a803e2a63e31', '01a22f06-413b-71d3-918e-f8d57309823f', '\x4022c792c113dac02ffba77e838cfb7dddc527946b7757fccc399ec8d67789f0', '\xbb53c105b78f169e1b8bf0ac2a021bb24a998c4e55ceaa0bcc4c8d697d990407', '2026-12-01 00:34:29.206365+00'),
	(27, '01a22f06-42df-740c-802e-59a5febe463a', '01a22f06-413b-71d3-918e-f8d57309823f', '\xbb53c105b78f169e1b8bf0ac2a021bb24a998c4e55ceaa0bcc4c8d697d990407', '\xd849c13cd74144d35cb9a3af9009b8c45e321a04166adc5bc700f2dbfba5170b', '2026-12-01 00:34:29.215647+00'),
	(28, '01a22f06-42ea-77d4-8f86-8bf63bb8b993', '01a22f06-413b-71d3-918e-f8d57309823f', '\xd849c13cd74144d35cb9a3af9009b8c45e321a04166adc5bc700f2dbfba5170b', '\xd7b3802e1bdd73b70e6cd5e268316feafe95fc306a3c1460b227ca54c17cbc7c', '2026-12-01 00:34:29.22639+00'),
	(29, '01a22f06-42fc-7358-b1e5-5376c6aca635', '01a22f06-413b-71d3-918e-f8d57309823f', '\xd7b3802e1bdd73b70e6cd5e268316feafe95fc306a3c1460b227ca54c17cbc7c', '\x2964af540955b888c9ffd7b75771221b011287759f1a39cf6b0fc62cd63e5a09', '2026-12-01 00:34:29.244195+00'),
	(30, '01a22f06-4309-7f9a-87bc-8a3a37c8b7c9', '01a22f06-413b-71d3-918e-f8d57309823f', '\x2964af540955b888c9ffd7b75771221b011287759f1a39cf6b0fc62cd63e5a09', '\xecc2aea5e5a7154add145dda1619ffc36092a0f0676b097c5f4a9c3439343f3e', '2026-12-01 00:34:29.257088+00'),
	(31, '01a22f06-4314-7389-8e56-9c455ecf23a7', '01a22f06-413b-71d3-918e-f8d57309823f', '\xecc2aea5e5a7154add145dda1619ffc36092a0f0676b097c5f4a9c3439343f3e', '\x299bc3bff2ab2bc80880e8fc9620bc606f09828b5c568ebabbf1de76107192cc', '2026-12-01 00:34:29.268702+00'),
	(32, '01a22f06-4321-709d-8e24-23ee71e46af7', '01a22f06-413b-71d3-918e-f8d57309823f', '\x299bc3bff2ab2bc80880e8fc9620bc606f09828b5c568ebabbf1de76107192cc', '\xd5a935694c0c27742716731e92e36845571f21354522a171f5380cf14ffaf99f', '2026-12-01 00:34:29.281026+00'),
	(33, '01a22f06-4330-7431-bcbc-a036d6a1a3fd', '01a22f06-413b-71d3-918e-f8d57309823f', '\xd5a935694c0c27742716731e92e36845571f21354522a171f5380cf14ffaf99f', '\x9819b2b21b11d3feab5441d93b853151cd81f25dc372b5a2f6025fa4de2f7f08', '2026-12-01 00:34:29.296123+00'),
	(34, '01a22f06-433d-7868-86fb-d9ec5121846c', '01a22f06-413b-71d3-918e-f8d57309823f', '\x9819b2b21b11d3feab5441d93b853151cd81f25dc372b5a2f6025fa4de2f7f08', '\xef978f35135cd0ae60c59cefbd09311079d7b090222c311c7c20d3282a2e27d3', '2026-12-01 00:34:29.309646+00'),
	(35, '01a22f06-4356-7009-b88b-3005f3655b72', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\xef978f35135cd0ae60c59cefbd09311079d7b090222c311c7c20d3282a2e27d3', '\x5ba32c065af8baa082abddd824414b1b13aa36389c71e4c053154228f4730777', '2026-12-01 00:34:29.33458+00'),
	(36, '01a22f06-4361-7b61-b249-80d31b515f77', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x5ba32c065af8baa082abddd824414b1b13aa36389c71e4c053154228f4730777', '\x28239b3b93c78721bf70c1f0bd4a600cd942480f27e7b599ba97e2fa19f125b8', '2026-12-01 00:34:29.34532+00'),
	(37, '01a22f06-436e-735f-8b22-ef5002f33e36', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x28239b3b93c78721bf70c1f0bd4a600cd942480f27e7b599ba97e2fa19f125b8', '\x2e196de22adb95bc71636ebe99bc06d875b1d7ac8d76257c2f187be96550d150', '2026-12-01 00:34:29.358384+00'),
	(38, '01a22f06-437d-70c7-9996-c2880e7c32e5', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x2e196de22adb95bc71636ebe99bc06d875b1d7ac8d76257c2f187be96550d150', '\x9068f77ceec157143e499284bb5b2ba4b1bc8066e5c97c61534901825f0c730e', '2026-12-01 00:34:29.373321+00'),
	(39, '01a22f06-4848-7e57-afff-da2c08853418', '01a22f06-413b-71d3-918e-f8d57309823f', '\x9068f77ceec157143e499284bb5b2ba4b1bc8066e5c97c61534901825f0c730e', '\xc21174edc4156d2548cca3fd3c464776e1ba15e7907b54a5c98551172a5f5b51', '2026-12-01 00:34:30.600641+00'),
	(40, '01a22f06-484d-7915-a7bd-d44adf38120d', '01a22f06-413b-71d3-918e-f8d57309823f', '\xc21174edc4156d2548cca3fd3c464776e1ba15e7907b54a5c98551172a5f5b51', '\xf48519ed36846479b353962b9a5d5b2ca094292ad4232099dcc71ddd035494e7', '2026-12-01 00:34:30.605475+00'),
	(41, '01a22f06-4850-79ae-9b16-baec659440b8', '01a22f06-413b-71d3-918e-f8d57309823f', '\xf48519ed36846479b353962b9a5d5b2ca094292ad4232099dcc71ddd035494e7', '\xe8bd787317272b72202cb2d2de19485e931d9d30ae9e30a5ee42883206d58c0a', '2026-12-01 00:34:30.608595+00'),
	(42, '01a22f06-4853-7b77-9837-5e32be8b034b', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\xe8bd787317272b72202cb2d2de19485e931d9d30ae9e30a5ee42883206d58c0a', '\x6266f7d14b16efcf74d513f4755bff5bdcdbffb4d40f43493eceb867c4beed9e', '2026-12-01 00:34:30.611881+00'),
	(43, '01a22f06-485c-71a0-b0a6-75dae0b36de7', '01a22f06-413b-71d3-918e-f8d57309823f', '\x6266f7d14b16efcf74d513f4755bff5bdcdbffb4d40f43493eceb867c4beed9e', '\xb1b92b479ef7f7838308f6f57058e19d1ff403d4497b2ba34abacbe148230add', '2026-12-01 00:34:30.620003+00'),
	(44, '01a22f06-485e-72a2-81a8-1baa9c0a0a4d', '01a22f06-413b-71d3-918e-f8d57309823f', '\xb1b92b479ef7f7838308f6f57058e19d1ff403d4497b2ba34abacbe148230add', '\x94c8079e0d4c7657fcc421d2e86a55bbe30b89187500575c0eafc892ba8b5d35', '2026-12-01 00:34:30.622761+00'),
	(45, '01a22f06-486a-7618-9bf5-7c88eb887ce2', '01a22f06-413b-71d3-918e-f8d57309823f', '\x94c8079e0d4c7657fcc421d2e86a55bbe30b89187500575c0eafc892ba8b5d35', '\x8e9c9e3e1e0790487473c7fdd709afcbd0b141283ed51fc2dcf8f20b920b0a89', '2026-12-01 00:34:30.634799+00'),
	(46, '01a22f06-4874-78b1-8b7f-2c84bc41fd5e', '01a22f06-413b-71d3-918e-f8d57309823f', '\x8e9c9e3e1e0790487473c7fdd709afcbd0b141283ed51fc2dcf8f20b920b0a89', '\x948b8c5fd8a34ec0d551e42387866ea4be1bc4098b1721c72861bfe9ffb4ca40', '2026-12-01 00:34:30.644141+00'),
	(47, '01a22f06-4876-7a7c-8782-15d4e7d2b8ce', '01a22f06-413b-71d3-918e-f8d57309823f', '\x948b8c5fd8a34ec0d551e42387866ea4be1bc4098b1721c72861bfe9ffb4ca40', '\xfd6ceeade1152317bdee1e7ad5e93e5c8704eebfc308f4239d1ac1de01b91f4a', '2026-12-01 00:34:30.646917+00'),
	(48, '01a22f06-4882-725a-8856-b429c268108a', '01a22f06-413b-71d3-918e-f8d57309823f', '\xfd6ceeade1152317bdee1e7ad5e93e5c8704eebfc308f4239d1ac1de01b91f4a', '\x143c8c247d4296e7953bdcd9f87f916f0020a366ab2f8db116dc4966c7bf560a', '2026-12-01 00:34:30.658592+00'),
	(49, '01a22f06-4889-73db-91cc-e4098bc9c129', '01a22f06-413b-71d3-918e-f8d57309823f', '\x143c8c247d4296e7953bdcd9f87f916f0020a366ab2f8db116dc4966c7bf560a', '\xefe9190d5ab3a760cb4f184b856293a660579f8bc39772ea3e7b21d0c1dc6516', '2026-12-01 00:34:30.665527+00'),
	(50, '01a22f06-488f-736a-9be4-be3f3f56288a', '01a22f06-413b-71d3-918e-f8d57309823f', '\xefe9190d5ab3a760cb4f184b856293a660579f8bc39772ea3e7b21d0c1dc6516', '\xff3e72512b1198f5069e48a24d29342061b55d3c5e95762ba69d36c36955809a', '2026-12-01 00:34:30.671075+00'),
	(51, '01a22f06-4897-7759-a612-9fb4a05ea39f', '01a22f06-413b-71d3-918e-f8d57309823f', '\xff3e72512b1198f5069e48a24d29342061b55d3c5e95762ba69d36c36955809a', '\x75031ec2be8d4e852047a12ee9567b99281714b72df106d4723a4887a3c3624f', '2026-12-01 00:34:30.67962+00'),
	(52, '01a22f06-48a4-785c-b4b5-58949d012107', '01a22f06-413b-71d3-918e-f8d57309823f', '\x75031ec2be8d4e852047a12ee9567b99281714b72df106d4723a4887a3c3624f', '\xa42ce3a34b7a9b851f1ef236cda09492776c810bbe8517a36d37b60eb6f93d1e', '2026-12-01 00:34:30.692969+00'),
	(53, '01a22f06-48aa-74bb-8a49-83353341637a', '01a22f06-413b-71d3-918e-f8d57309823f', '\xa42ce3a34b7a9b851f1ef236cda09492776c810bbe8517a36d37b60eb6f93d1e', '\x27ce88cb783fff103e4c6428bfe85ccd19aa9b5514588fedfd25b2f4d471e5f0', '2026-12-01 00:34:30.698787+00'),
	(54, '01a22f06-48ad-77e9-a221-6388d045c3b8', '01a22f06-413b-71d3-918e-f8d57309823f', '\x27ce88cb783fff103e4c6428bfe85ccd19aa9b5514588fedfd25b2f4d471e5f0', '\x29d283ced589ac0ef2fc1aabb68fbd7f140782a44d9eb9838c6335c7dd187fc9', '2026-12-01 00:34:30.701857+00'),
	(55, '01a22f06-48b1-7177-a93e-98d7aceb2b62', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x29d283ced589ac0ef2fc1aabb68fbd7f140782a44d9eb9838c6335c7dd187fc9', '\x78282235953cdb0069952e7f2c890935a3db62598da049c286ea77f5b444ed77', '2026-12-01 00:34:30.705575+00'),
	(56, '01a22f06-48c2-7c64-b260-cf1249c34477', '01a22f06-413b-71d3-918e-f8d57309823f', '\x78282235953cdb0069952e7f2c890935a3db62598da049c286ea77f5b444ed77', '\x4c5f255c76580e4373afecc4dd35a0934dd97f1a5a4d9ba954ab6568f516cd37', '2026-12-01 00:34:30.722225+00'),
	(57, '01a22f06-48d2-760d-bf03-88c6814e8e1f', '01a22f06-413b-71d3-918e-f8d57309823f', '\x4c5f255c76580e4373afecc4dd35a0934dd97f1a5a4d9ba954ab6568f516cd37', '\xfb560e4f3a7e61fa23bab7212087c435c786763ce43306f4e05b07de6b89ee1d', '2026-12-01 00:34:30.738079+00'),
	(58, '01a22f06-48de-7155-be2d-0a369114ad2b', '01a22f06-413b-71d3-918e-f8d57309823f', '\xfb560e4f3a7e61fa23bab7212087c435c786763ce43306f4e05b07de6b89ee1d', '\xeb1db012eff207f1f11b7702490ab58c23e4ac8fc7e6f830d28c3749e203a141', '2026-12-01 00:34:30.75045+00'),
	(59, '01a22f06-48f2-7ec6-8343-71c5fced0440', '01a22f06-413b-71d3-918e-f8d57309823f', '\xeb1db012eff207f1f11b7702490ab58c23e4ac8fc7e6f830d28c3749e203a141', '\x1d8118718ef4fa8e18fd23b60d3e9479766d899af79a9af432a81998f04ae870', '2026-12-01 00:34:30.77008+00'),
	(60, '01a22f06-4db9-7f71-9435-ae27f7abea21', '01a22f06-41b3-7f47-9f49-14d270fd6206', '\x1d8118718ef4fa8e18fd23b60d3e9479766d899af79a9af432a81998f04ae870', '\x6b8207f1b835162050ecd7aad54b088eeb08871691b274a19cc1ae70cbd2e37c', '2026-12-01 00:34:31.993101+00'),
	(61, '01a22f06-4db9-766b-8c90-0a66090199d0', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x6b8207f1b835162050ecd7aad54b088eeb08871691b274a19cc1ae70cbd2e37c', '\x015b1ebb72a720ba001ded385b72ac6d2e29fe3d3f56807f264affac6a649d7b', '2026-12-01 00:34:31.993973+00'),
	(62, '01a22f06-4dc1-7044-8d23-5e5a32ab890b', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\x015b1ebb72a720ba001ded385b72ac6d2e29fe3d3f56807f264affac6a649d7b', '\x081c7ecd89f4129143f75f57a26a92c221962006602a05d2b8a99a0c6d6f5424', '2026-12-01 00:34:32.00143+00'),
	(63, '01a22f06-4dc1-776a-b1c8-e7e0adfe7249', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x081c7ecd89f4129143f75f57a26a92c221962006602a05d2b8a99a0c6d6f5424', '\x651538da4a51ed6bb0bbb2c199df58baa357573b914a96e395cc2ddcd1c0d073', '2026-12-01 00:34:32.00172+00'),
	(64, '01a22f06-4de0-7aa7-9796-db9a75d9e762', '01a22f06-413b-71d3-918e-f8d57309823f', '\x651538da4a51ed6bb0bbb2c199df58baa357573b914a96e395cc2ddcd1c0d073', '\xb8a89133565328334c1d170d46a01fa175fb0ba70ed3a3a3f0e7a43935c84dfa', '2026-12-01 00:34:32.032393+00'),
	(65, '01a22f06-4dea-768b-9f66-80157a119aa3', '01a22f06-413b-71d3-918e-f8d57309823f', '\xb8a89133565328334c1d170d46a01fa175fb0ba70ed3a3a3f0e7a43935c84dfa', '\xc24b7c3a63c11966e3aa30cab53be47edd6b94f2aafdeb2f2f65e5434023ebd2', '2026-12-01 00:34:32.042113+00'),
	(66, '01a22f06-4df2-7bac-8275-75cb993ee7f2', '01a22f06-413b-71d3-918e-f8d57309823f', '\xc24b7c3a63c11966e3aa30cab53be47edd6b94f2aafdeb2f2f65e5434023ebd2', '\x35b4f07c40d3fa48139bc5b28f11b14e290555d1d5c3eb99f6e86ca71678b92d', '2026-12-01 00:34:32.05014+00'),
	(67, '01a22f06-4dff-77d4-a664-5aca90cc8f3c', '01a22f06-413b-71d3-918e-f8d57309823f', '\x35b4f07c40d3fa48139bc5b28f11b14e290555d1d5c3eb99f6e86ca71678b92d', '\xaef5222cb7025da8612c5fea3c26727fd6b4958d61bd756189812ba05c572e88', '2026-12-01 00:34:32.063553+00'),
	(68, '01a22f06-4e05-7504-93bb-c0a038bba944', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '\xaef5222cb7025da8612c5fea3c26727fd6b4958d61bd756189812ba05c572e88', '\x8eda34517170fa63f7175cd1f6e69758da8763e9f73d45a5adcfab59309eb7ea', '2026-12-01 00:34:32.069321+00'),
	(69, '01a22f06-4e0d-7cf7-bd79-a1f11b0fe82a', '01a22f06-413b-71d3-918e-f8d57309823f', '\x8eda34517170fa63f7175cd1f6e69758da8763e9f73d45a5adcfab59309eb7ea', '\xea48bc4b56aa2102471e40d85325ded551f4b71f844be458969b69b136f43564', '2026-12-01 00:34:32.077535+00'),
	(70, '01a22f06-4e0e-7e4b-93d4-a121b2b4bfb8', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\xea48bc4b56aa2102471e40d85325ded551f4b71f844be458969b69b136f43564', '\x07e39dd5c1e6769015dd6e9e70d73087b50830c719c2b0ae74afc670c97fc112', '2026-12-01 00:34:32.078472+00'),
	(71, '01a22f06-52da-7c61-aa39-2d5f6df5d0d5', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x07e39dd5c1e6769015dd6e9e70d73087b50830c719c2b0ae74afc670c97fc112', '\xe08a0fd1c69c960ca206208e791181e6dbf923be5ceea80bf9d2e8320fab2031', '2026-12-01 00:34:33.306415+00'),
	(72, '01a22f06-6365-7009-b861-035328687b3a', '01a22f06-413b-71d3-918e-f8d57309823f', '\xe08a0fd1c69c960ca206208e791181e6dbf923be5ceea80bf9d2e8320fab2031', '\xfd9ddc96e1a029f080c3234ca7bc7b48c1fec1b11e7a8f1a5cef5a065fa7cbb8', '2026-12-01 00:34:37.541883+00'),
	(73, '01a22f06-6379-7987-91d2-063eca95e4fd', '01a22f06-413b-71d3-918e-f8d57309823f', '\xfd9ddc96e1a029f080c3234ca7bc7b48c1fec1b11e7a8f1a5cef5a065fa7cbb8', '\x2d45bbc622cabc4ca4c06c29550bfadaad26fd2c6cabbda66231c4b4b26e6ed1', '2026-12-01 00:34:37.561983+00'),
	(74, '01a22f06-7b00-72d9-85e0-d4747927116e', '01a22f06-413b-71d3-918e-f8d57309823f', '\x2d45bbc622cabc4ca4c06c29550bfadaad26fd2c6cabbda66231c4b4b26e6ed1', '\x99ebcab5bf39ab13c9448f88ea636dbcdf59ea5f42f43146802c87408c5012f7', '2026-12-01 00:34:43.584177+00'),
	(75, '01a22f06-7b11-76ff-a52b-00b3abab39e5', '01a22f06-413b-71d3-918e-f8d57309823f', '\x99ebcab5bf39ab13c9448f88ea636dbcdf59ea5f42f43146802c87408c5012f7', '\x9b0b9f473c75c3a2a2253cece3dccf7b7964e74c4012617c1428e0ea9c3eba2e', '2026-12-01 00:34:43.601626+00'),
	(76, '01a22f06-7b1b-7c31-b41d-032dd037c72f', '01a22f06-3044-7aaa-81ab-55aee256e54e', '\x9b0b9f473c75c3a2a2253cece3dccf7b7964e74c4012617c1428e0ea9c3eba2e', '\xbaa56d631130ec5e9491e574f0fdd93dccbfbb1b7ea9d147564edf660b01f695', '2026-12-01 00:34:43.611117+00'),
	(77, '01a22f06-7f19-78a9-b9ff-baf5f2706162', '01a22f06-413b-71d3-918e-f8d57309823f', '\xbaa56d631130ec5e9491e574f0fdd93dccbfbb1b7ea9d147564edf660b01f695', '\x24e630990138d199112b80361deca75e8165e6d38f3f86fa5f69a8939052ecf1', '2026-12-01 00:34:44.633455+00'),
	(78, '01a22f06-8313-7192-b4c0-b0f0075f7e7a', '01a22f06-413b-71d3-918e-f8d57309823f', '\x24e630990138d199112b80361deca75e8165e6d38f3f86fa5f69a8939052ecf1', '\x90550c21c02d4ae2bed11d2ca04461b6b8c7321e16f5e03bfd9d366a0117c80a', '2026-12-01 00:34:45.651165+00'),
	(79, '01a22f06-871b-7750-aa3f-71ff1639c120', '01a22f06-413b-71d3-918e-f8d57309823f', '\x90550c21c02d4ae2bed11d2ca04461b6b8c7321e16f5e03bfd9d366a0117c80a', '\xecc93d8040f21a22175256b90b3c3964c02f8250c621095ed54b09e0e940e8ce', '2026-12-01 00:34:46.683368+00'),
	(80, '01a22f06-8b16-7f4d-ad4c-b769936cc9ac', '01a22f06-413b-71d3-918e-f8d57309823f', '\xecc93d8040f21a22175256b90b3c3964c02f8250c621095ed54b09e0e940e8ce', '\x3f3190ae6f51734b3f1f21d6bdaaf4699a0768cf0a042c287dc48859b5844ea3', '2026-12-01 00:34:47.7024+00'),
	(81, '01a22f06-8f12-7197-908c-c5199a0ef1a7', '01a22f06-413b-71d3-918e-f8d57309823f', '\x3f3190ae6f51734b3f1f21d6bdaaf4699a0768cf0a042c287dc48859b5844ea3', '\xf4b7f21ad331d933f688411d16ea7b53ddd5378e434a779d49f057548d284007', '2026-12-01 00:34:48.722072+00'),
	(82, '01a22f06-9302-7b3c-af7c-11c23bbb08d5', '01a22f06-413b-71d3-918e-f8d57309823f', '\xf4b7f21ad331d933f688411d16ea7b53ddd5378e434a779d49f057548d284007', '\x071879e778aea0c7499ee87bb458c20f95a9b2c6c52da01a470311464b046b06', '2026-12-01 00:34:49.730167+00'),
	(83, '01a22f06-9705-7050-8719-27e2e39805e9', '01a22f06-413b-71d3-918e-f8d57309823f', '\x071879e778aea0c7499ee87bb458c20f95a9b2c6c52da01a470311464b046b06', '\x7060ff943ede6d1bed89ee5aad3a4ce29f590115153265816859d62ecd02e6d2', '2026-12-01 00:34:50.757389+00'),
	(84, '01a22f06-9b02-7333-a969-596e050a1278', '01a22f06-413b-71d3-918e-f8d57309823f', '\x7060ff943ede6d1bed89ee5aad3a4ce29f590115153265816859d62ecd02e6d2', '\x3de9b16b9305ebd043aff484919cfb5c0ced7c6da24400803782b483d9f4bdbc', '2026-12-01 00:34:51.778135+00'),
	(85, '01a22f06-9b0b-7ee3-b3a6-d4d5d0b8ba22', '01a22f06-413b-71d3-918e-f8d57309823f', '\x3de9b16b9305ebd043aff484919cfb5c0ced7c6da24400803782b483d9f4bdbc', '\xf3140cc2e4885b550817d4b26d983f26e0b044d00ddd16b0c7157c9f32b2193d', '2026-12-01 00:34:51.787559+00'),
	(86, '01a22f06-9b16-74b5-8453-7d62f9d78a19', '01a22f06-413b-71d3-918e-f8d57309823f', '\xf3140cc2e4885b550817d4b26d983f26e0b044d00ddd16b0c7157c9f32b2193d', '\xbaed9bde32c40994cd32741902c40e330964f5f2f151424ebd1e44a69525e300', '2026-12-01 00:34:51.798657+00'),
	(87, '01a22f06-9b1b-77c8-be38-8b3aca7eefc3', '01a22f06-413b-71d3-918e-f8d57309823f', '\xbaed9bde32c40994cd32741902c40e330964f5f2f151424ebd1e44a69525e300', '\x20d68814e576bafce65464f4e4ad6701cba60204bc2661f0c8255f5c805c00dd', '2026-12-01 00:34:51.80394+00'),
	(88, '01a22f06-9b25-7c24-922c-e28828caf74e', '01a22f06-413b-71d3-918e-f8d57309823f', '\x20d68814e576bafce65464f4e4ad6701cba60204bc2661f0c8255f5c805c00dd', '\x192a3777f1c4c9229197d7d22027e4d4f104513b424b193b91a29fdb899e5ae0', '2026-12-01 00:34:51.813953+00'),
	(89, '01a22f06-9b2e-7a7a-a412-e47b7260c2f8', '01a22f06-413b-71d3-918e-f8d57309823f', '\x192a3777f1c4c9229197d7d22027e4d4f104513b424b193b91a29fdb899e5ae0', '\xc34377c527470af83c6e5a04a6119e2a4e09b8fc603b2ef98f7a9a761915662f', '2026-12-01 00:34:51.822387+00');


--
-- Data for Name: audit_tree; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.audit_tree VALUES
	(1, 0, '\x3498dcab60765954b777008164b1aeced571f94da0ace6e4db320b07ff550317'),
	(1, 1, '\xbcd37c6440181af1e446aa6e8a4cdc2352273e9c2723bacb57c3455bdd3c9e37'),
	(2, 0, '\xdaa38ce6a6aeb2f1d903acaf704e17e64cec462760c9e996fd73ee4abebab96c'),
	(1, 2, '\xcdeeedc6cedda07263f7beb3e78eb1a8b6ea823281422111c37ca8294ade543d'),
	(1, 3, '\x0a1e7cbd75d11b5ab70febb78061feb80173a2408d80f5f898851fcc94449788'),
	(2, 1, '\x4168a4f5e84c36dce2c5fd552653696d1e1984df4b01927a8ed5b35fb336e919'),
	(3, 0, '\xcf3756f7b9e0b48ba3ef164cf43c9aa95cd585ebaf17340e6bbcf6c37213af49'),
	(1, 4, '\xacfd8990607f338db724761e8292f5950f6ab9c0186db3ba53baeeb01e202711'),
	(1, 5, '\x1872e959b9914d6fd1e3a84015718e17d1e390f0189563619ce03e00a7047aa2'),
	(2, 2, '\xf57018d1fedf59914823190341d0019c1685f0a3b69ecde8cf6e520fc6a76249'),
	(1, 6, '\x27a1cab064ceaa3bcec6dd84a1fa7050e6197b365ca9e04ec58629a664410b25'),
	(1, 7, '\xf56ac6c6c0a65f5ff7a74958468f00bd4e77dda57c9d8560c4d3ca6f1be6e16c'),
	(2, 3, '\xc589e2f0d66ce06ac22dd2312ce34ddeb3996de6b647e9d4c9e48e412faf8988'),
	(3, 1, '\x7506fa5aa732dc619ab440a54c01e98714528f1b0a6528b60d24767d81fe7759'),
	(4, 0, '\x547efb46b477c5fedf166aaecb144e4fb438bc8382656a01c1ed5a49940d1653'),
	(1, 8, '\x929bae2f45b3b0be75058ae60aa21b6582fec5d3f87122016ecc6577dd45c31f'),
	(1, 9, '\xab0ca0245ea49be182b3d630152e943ec9b9ed2c58807f2e8e8004a6c41407a4'),
	(2, 4, '\x3007446542f65aacbfa77a52804cc1ffc9e5d8def6b94c327fedcf32d07389be'),
	(1, 10, '\x101c05619e164729b421edd635bd39bb8c7d0df8bbf6c12a0d90fb78cef14dbc'),
	(1, 11, '\x208d0844d59ef795ce335c77fd415766a463d0c26ff5534baa6551f638d8e4c2'),
	(2, 5, '\x6d4f8673e87ac7bf1d2f380e5acba2809f7a361a13766f6c4ababbfeadfdbad0'),
	(3, 2, '\xe26482144d14bf0102cfdcc16a47140171f293ef5d67112d4f6950625688da29'),
	(1, 12, '\x173748a1eb5c9ca17ec6ab89adbf2ee92a9cb1c486f8ca4ef6c43098f0a40673'),
	(1, 13, '\x6d617366b3590dd59dcdecb524f21440ed880b515b1bb66ae9a5663eefac4f9b'),
	(2, 6, '\xce6476bb2083fffe8a3412b5ea33f0b0eae39f6ca9c279b678ae2f8478441fe0'),
	(1, 14, '\x69ae77eb40a831e19b1264ef6843181369a9ffa8e3341431adee0dd053805220'),
	(1, 15, '\x7c54a43f0f401b74ec8eb2d3d59d52bf93f3a7addc1591cb39c106d26e95ce22'),
	(2, 7, '\xd6e8a37df0e4750b7fbea397c0ef84c9f052e1a10d7bd854a78d8f9d57e91f75'),
	(3, 3, '\xe60e54f62ad22036869026a76d1788157859fcbe16c4bcbf95ba32b7bf5d52ce'),
	(4, 1, '\x5bc5503edd02320d27babd0d5883b30c78a4073cf6c2d728de5fd5feaa7b43d2'),
	(5, 0, '\xe3c8ae93902dfe417c48d7fc985a6ddb5952cf9d45bd6cb7159d347239c51dac'),
	(1, 16, '\x79b00556793115a23218edaa9fb2bf85cbdef2ddb2431870a51818227881cbec'),
	(1, 17, '\x6abddb946dc1582a53d18546190ccca3d20a8952fe4db270d9dd925509236624'),
	(2, 8, '\x481be47fd34e85d390345e3528b933e40f68d8d47bc53ef3e5894558c18cf60c'),
	(1, 18, '\x618acad1ceda45d19802953c02983b18d89d04e3bf1eb8cfcc27453f6e365463'),
	(1, 19, '\x027b3c1eba938f54c593f08e8702be7be1aa45d99ec2d918fe272f1a38f11286'),
	(2, 9, '\xde9f97c366928ab58908453e65bf38996b0d88c9b8f0c8664a01a006d7534d32'),
	(3, 4, '\x03532ad4f342843ab0915ec5558e46a990506f6999afad37e2feceeb98afa86b'),
	(1, 20, '\x1e77aff1a099928637f856115cf8be1ec92ee978073381ff694a2b990ba4dddc'),
	(1, 21, '\xccd685285fd9b08a2930905392d57a81194e1c2b2977d2aa11599dc3f7f98c12'),
	(2, 10, '\x0100ddcbab12adfed9c6f0c0d3fa829c3b09302aa9b59bffe5104986b307f2d1'),
	(1, 22, '\xa148c3a16dad17d87667283adfffb6c6fd96abadc104a7139d9827d2d1872ec1'),
	(1, 23, '\x81107bb06294a6c6603566388cb7f3178d957d60724a5ff865e60a26f8321361'),
	(2, 11, '\x71387a129a0a1a2c4af5de8e18787e9142896a6bdd65e6d17a8515a9970db3ea'),
	(3, 5, '\xb7d97e0db1481e2fab3b13a132c7a0814c4cb08a841c7762cadd77e164afcbd8'),
	(4, 2, '\x26d5b3ffb484b7444916c4e9418accad470de245a71ae2918211e4a953f29901'),
	(1, 24, '\x34dccbe891f88aede23545b79a771beeded6e52a79c0ca775864148cb38728a8'),
	(1, 25, '\xa3ca168ace554496ecc32f5a5a01fb5f0230ffbb056129f158f2c2b62ff56ffd'),
	(2, 12, '\xdb51b38f991e0f95a6b4a539ff79cb1f9ab99d493c4e8ccfc39eb64e9c6c91c6'),
	(1, 26, '\xcdfb44c1d4f2a5789df76ad67919a76d075fd5f91036823707f1924b306e628f'),
	(1, 27, '\x053b42a575849209851e9340b010adb90846042d289674ae2b6bd094576b1b37'),
	(2, 13, '\x260248cc05399dfbab9307ab003d345dcb48d99308fb4d87ab621aab2c21f62e'),
	(3, 6, '\xb46a9338be152a76bd35d51a659c171801c7fa69db6f9653953fcf2100b1ca06'),
	(1, 28, '\x6c17f1dd24d4f838ec2da63c136a158877d45d836381b3320e23a191541a3c2d'),
	(1, 29, '\xb4db2c7905371a43bce99fa513bde1a0173ad900b8680f3fc7c5b76d1fe958f0'),
	(2, 14, '\x7fa2c848960f29c967d88efdacbd999533eeec718cff65643bd5b4ca5cb103a9'),
	(1, 30, '\x9382b7c1b8e41e901031c438a799c2b08c3eefa1e399a5bfe864defdeca05379'),
	(1, 31, '\xcb72b4f0bf538bde8e8ebc410a1aa87a4df1e25170cead326c73fd8665058b8e'),
	(2, 15, '\x5649e2ae629e21c74787bae9c004d4b8dd095cce83ea124a1692a0dbf1b6066c'),
	(3, 7, '\x4509b07f17eb663bcd42855f45358fc7d89621f71534864dce29725e56aca3dc'),
	(4, 3, '\x9b89c30c7bd803a3c3ea8c573d8f4b9bca5a00499af8cb1e7aed39f570c5999e'),
	(5, 1, '\x290d35abf92eb68720f5a75d0e07bc87392a7a7938d970263b8380a9963f5dfc'),
	(6, 0, '\x59348ef3e6ac7765d7f82671f8dd5a8b1fb9bd3d1761a47ecd701583ddf379d0'),
	(1, 32, '\x9e4f48c59626b99992ee26a2f9c39e69fede08794838e5e37a123bf93f494c05'),
	(1, 33, '\xc74963ddd0fb9c7ad6a9c59fa1e4d31ac584faef9c02ab4a2367df8f4998d5f4'),
	(2, 16, '\x5a0d54b2febe5b061328a63768998f790df68bd68639f79b4514c4c2109d4824'),
	(1, 34, '\x03def7919fd2bbacc6a921921a13b23c925ce822f9a3e228e6d1acf068e7fbf1'),
	(1, 35, '\x4e980be4c2a50c81370d39e5c361edea05db208055652759e0406f3c5a9a4703'),
	(2, 17, '\xf74e6459c1b79d431bb6faedf45f61599b6d05f8cff3fa99c38ba902f4b243a3'),
	(3, 8, '\x193404a20f200923525f9a70ba392d1c39a501eae6ae837386dcb6df46d803fa'),
	(1, 36, '\x24763878e3a453bc58e0611db492cb97ab857c64c8bf2b852b3d724504734c0c'),
	(1, 37, '\x1d2b1865684ec70f1744d2ec4333fe6452deda6c39fd7cf7342a0854922d35e0'),
	(2, 18, '\x5caf75e8a2577d5063f261960c838399de95173da0b1633444cac4d655dbb750'),
	(1, 38, '\xf56044a3d729a0f9fc2b472117a3aa85554d35192321d6095b17a6792969952c'),
	(1, 39, '\xbbc1a91fdee216b4601dbd4245a197339017b5f68d58237a2d7d776ebd85420e'),
	(2, 19, '\xd0f85b1a349ac8a502dfe86f5cdfe9702d72706efac4ac2805dcb492966f2cd8'),
	(3, 9, '\x21d28149a978adbbbaca07742dc53ab0e28824c2a7d88384261ac1364b3c023d'),
	(4, 4, '\xd08e3e164996b74f20285a409b0667e6c04605346649d84761223a891584d330'),
	(1, 40, '\xf1f41e04cc5aa5d6cc04bfcfad90bfb7c3315e02cdb83b21c04eff639edd3b2f'),
	(1, 41, '\xaeb8efdf172caa0656df84a610725c805d7153e96fe6d5fcd80b9ee4471d9fdb'),
	(2, 20, '\xbb26f8987f0cd7440ef3a5b00937137dec0e53bc37e35c0c68dd1cb7c43375ce'),
	(1, 42, '\x9e3b696c179b64c4d74320df2254db31bb28f414a40d1818680968ed2f5826d2'),
	(1, 43, '\xca27ea5725d02fc2f217118cf4be912d9468a95e3d0d31d02b2d6b185062970e'),
	(2, 21, '\x5fce1a8ebe848ddc1147a2ee0d2eb930bf72ede1914c5753211c0688ee0a5817'),
	(3, 10, '\xb4da19c18fdc425a9b373262a1cd0066eb3ec2028d0a232da2be0675a46ef77d');


--
-- Data for Name: audit_unsealed; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: compliance_results; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.compliance_results VALUES
	('CC7.2', true, '2 events are what was sealed', '2026-12-01 00:34:25.274901+00'),
	('CC6.1', true, 'all are sealed; 5 were opened', '2026-12-01 00:34:25.368188+00'),
	('CC6.7', NULL, 'the issuer is on loopback, for development: nobody else can reach it', '2026-12-01 00:34:25.370235+00'),
	('CC7.1', true, 'no job is dead', '2026-12-01 00:34:25.37044+00'),
	('CC9.2', true, 'no key and no client secret in use is older than the policy allows', '2026-12-01 00:34:25.370542+00');


--
-- Data for Name: credential_expiry_notices; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: credentials; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.credentials VALUES
	('01a22f06-304e-70a1-b8f8-e1f9c578993d', '01a22f06-3044-7aaa-81ab-55aee256e54e', '01a22f06-304a-79a9-943e-7c14e4435db3', '\x8e4533010e2d057427c1b84a78267dd0d3839341025ca56691bf24227edeb335', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:24.462064+00', NULL, NULL, '2026-12-01 00:34:27.213959+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-4145-7bd0-9e50-a1a7c9fae3ee', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-413f-776c-8437-a825c32da5d2', '\x871edfadbdcde2e8031525eb6bcb4dfaa81408208f692c29493eed1b6c91e25d', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:28.805066+00', NULL, NULL, '2026-12-01 00:34:28.933634+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-419b-7bb4-abd1-42b5376e8869', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4196-7463-aa98-97aef1121900', '\x14630a3878ad69d795ec8cdfd7e61106af82e9b89743b1dd3b22299af60c2dc3', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:28.891931+00', NULL, NULL, '2026-12-01 00:34:28.978962+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-41bb-7b54-b85d-44fb0fdb5327', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-41b8-7800-8867-34ceca5cd6cc', '\x31f30162ede482a4d45ccb6d4f3e6569306dbbf02eaa831434d839558d1e699f', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:28.92359+00', NULL, NULL, '2026-12-01 00:34:29.026077+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-42b1-79f2-a1b2-044bc6f140dd', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4297-7108-bbb5-899e9dac5156', '\x331385d51267d65e6bb4f0e5b2b2c79d5443f712a715ca745ecd2de13c206143', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.169331+00', NULL, NULL, NULL, NULL, NULL, NULL),
	('01a22f06-4261-7a5a-b853-67493f141fdf', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '\xade438bb34fc1839b880d2650e80d64d97606c910e06d205a2b49f201973a1da', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.090028+00', NULL, NULL, '2026-12-01 00:34:30.599707+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-428a-70db-8627-6dce13185d40', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '\x1f1309aba54dff6aa12233d489ffe9bb761db31c5019f628efd3af3baa2b485d', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.130616+00', NULL, NULL, '2026-12-01 00:34:30.604857+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-435f-74ab-a8d3-0fa808442951', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4351-76c8-8633-479e65e38733', '\xa44c8bae9a7053dd0cc6aa6766ead6108d73062022b5c15cbdfff8c685c5dc70', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.343548+00', NULL, NULL, '2026-12-01 00:34:30.611349+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-42fa-77be-80db-6652fbd1120d', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', '\xc7d6c4fbf876ca6fdb7f765bf4438bd16ad8abc681d242e46949b430ebe57490', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.24249+00', NULL, NULL, '2026-12-01 00:34:30.692245+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-42d4-7578-bee1-f8680aa08639', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', '\x0e999b0a9f141854c0f0beb518cca7c944ad19885e996a700a26cd109c01958a', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.204783+00', NULL, NULL, '2026-12-01 00:34:30.701169+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-437b-75cc-b429-9ba88138260f', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-436b-713d-af27-4b686352dd57', '\xbe6d4c0d8adc349ed85e579f41ae496ff85f207dbf23198509ad838a10e06890', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.371626+00', NULL, NULL, '2026-12-01 00:34:30.704695+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-4314-7e95-aef2-7378f2ede41e', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4305-71dd-8f9b-a66a220aab71', '\xa617db7b869e106a0df7c8800b1d62e230866b3232a146dd45fcf06a2e0beb28', '42e239321a2cf82b', NULL, NULL, 'revoked', NULL, '2026-12-01 00:34:29.268088+00', NULL, '2026-12-01 00:34:30.737324+00', '2026-12-01 00:34:30.698152+00', NULL, NULL, '127.0.0.1'),
	('01a22f06-432d-79bf-957f-98530d423a70', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-431d-71da-9f00-4f5e5c4241dd', '\x3ccce9ef33b71f987df61916aac2ded4f42e31165f1916d88c14641baa671fff', '42e239321a2cf82b', NULL, NULL, 'active', NULL, '2026-12-01 00:34:29.29392+00', '2026-12-01 00:34:30.766755+00', NULL, NULL, NULL, NULL, NULL);


--
-- Data for Name: delegations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.delegations VALUES
	('01a22f06-4867-7267-8e90-8c989e8f092c', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', '2026-12-01 00:34:30+00', '2026-12-01 01:34:30+00', NULL, NULL),
	('01a22f06-4872-7fd6-a69f-88a35fd8e847', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', '2026-12-01 00:34:30+00', '2026-12-01 01:34:30+00', NULL, NULL),
	('01a22f06-4880-788d-8e88-df83bfa3400a', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', '2026-12-01 00:34:30+00', '2026-12-01 01:34:30+00', '2026-12-01 00:34:30.663871+00', NULL),
	('01a22f06-9b12-74ce-9260-90828fe8625d', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', '2026-12-01 00:34:51+00', '2026-12-01 01:34:51+00', NULL, NULL),
	('01a22f06-9b23-73dd-a25d-188f8266c360', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4351-76c8-8633-479e65e38733', '2026-12-01 00:34:51+00', '2026-12-01 01:34:51+00', NULL, '01a22f06-4167-7bdb-8d17-e5ad8012b277');


--
-- Data for Name: document_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.document_keys VALUES
	('nZaY63YnTS1wL5Ms6box4VxVvINE6ODQoE6FrSoKuX0', '{"e": "AQAB", "n": "5wmBXO-cWBiTbzzTNaKCjOXatmz3JzIiso1UklhA94r302IecHAd4EYmRAmw4MxbpTsqFE33jx0BQ7qnNvtD60cOUM9G2rWplCjpPHhgVKAHWMYOK6Rya55EyQY4aI3B5c8etNYIIY_ZBWHTSHkqtKoUtYCu7QFb28FJQlAqkmGmu4rAX9S_p6YrTpCvd6kBl5EfeqNRqoDiDe3MZeU4gnmLEVrN0tRrWqveLkJ6BX86557l8IUVMNblYjLGkRwLoeKTQLG4S4b1kgoVxgaRe3LvGSJpfknhQxIjQ0NKeXTa6ollIFrHIpsaRYH4VRPipqhADClN3HkZ0169exg9Rw", "alg": "RS256", "kid": "nZaY63YnTS1wL5Ms6box4VxVvINE6ODQoE6FrSoKuX0", "kty": "RSA", "use": "sig"}', '\x8ba9dc0db0dc9a1f93e73bbce1de1caf8c1653805bdee688181c6957199d90bb4c58513f0fcfc828636b1bdda0b0a82fa3a49a46e5a8961cbd0b24912f395617adde513177edbb851b5ac8fc3c74123fd307859d2abb4c301303450873fcc97ba8edcfdf67cd53e32b63c4cec5b8a994d29c26f31b565f3c77def63af7787cf89c9daf73087f955d9d29c3a48c7d26e83fdf1b4d88e6a365d610066a6369f529120e54562563b3dd49dcfa2f08966b02fbb3bb7b20aaa6917c9f739c160ff3db7e03c9d318577062a84d4af6bedd54393c8a016a6f6ec8a838e1588de4e315a577ea6dd32a114890a2ed1fc9c373cbe2c5468782aa32eb5489cbc70d8bebb2a01ca69a4698bddd46e5e90c03d74e2be7845812357a30b72b730722fdeec7d2885299dcb7b8e89f003aff82d17d9893ace0de8fae1bba7f646dcd79ca43fcd8963d54a6921469ee26b327c718a2506a864533a44b4be85561f843fd18b387c057fd62b32fd3785605a27d1825e50a0290f7a7f28b552f5c746dc207abe25f0705f9cf39ac05291078f33e466bcf39fd260b640d9152e9879d4368146d38e6e2a3e1870d7ee69dce73fb1ca525c79d5a6801e7fb6f48090add5c3baa7daa0487fc0a7d3b672b132075a11f08a1c4443cc3708fb243867d4ab61a8d5091b7d3ba10b098ac1fec2a254cc39070cc90f568625bd4bc48edb53da629bf803044da44fad8cdf5c4622a09fbf7bd805e3302412ec67571136812be4fcf772c4e84d62e3085736ad07fe8efb0d5a9acc2a76e9b24ca9b96e4d0aaa7f31289e63a63fb8d6b119863490a32439eb415d70c2f603d7234c9271fd777ce924b448a93bf89fe067977fb859805d2f3f65aadf6b067e6d5e4917f73e7e42816961c21408661289ae01dda57c9f3fd3fec538db1368e48dd7aac1eb26f058e0df4358a0b657adc625c0761590b4b94797a0d049ec2dd36b25dc36bb37de21890403b29c959d0f12785ac9efc2882c9a0923f6500bbda23925172676dd9ccde5e9452a4399b7846b586eb10b91405cb027779df2d1c47a2bed86a8fb01b1159a3ba1b719e6fcdf58981be1e81c650f67272a6a845655ea6d0161877bc4f0ac131cc570bcb81cac18ddaaaeed78a82ecb54565faba73e7483c228b8a730fd2b8082cc908a015ae9b1d3a76e686d8bf41c6dddae1532ff3803cc41f7546f026429a1915ebbd001dfdc6fa98474ca01572830979e62511ed968469376e68bc3c53c8a900d25c067cdd4378a2babfb1acafac4f31ec52e912887cdef67183837a1043314ce85515c128b96f0ef47196da32ba7d7d6f5f18fd2e7abcd24d47a4cca31afa4a05695c76e021cf1543ca7b312f9c66fac094c5aa5951a335ca01e0454467b09de74f2abcff1b1c1e484c39e2a0bf25b7dc1d177a6ce4bcff9329879aeae43e5e0e327c5d28cf42bcc7d9fac188d5dadba4e9b97fd34935960b4bb70343c926d3c0f354ab26fa41296e0ae897a7c082c497724cc859468abbd5233f61da5a2800972081791d0e15f7f744193ead8dc1d63aa04c1f2286743e7e0a3c7094afe03160afa4161dd05cb479713896398fc83c62db059dce7d21bb89e8740a872a0717230878a30132eefb03c95087a64a222429df17038fccf69c899d1ca51298247721edf90564a59a8ccab29b1164a29b916f789ea4967754809edf6bc56b453318d8ab0a5eba3baad60e082fd860f2d95452135f048bf9cee300bddd707da6c5d9c2cec7', '5b6dc2e3eada29ed', '2026-12-01 00:34:25.026866+00', NULL);


--
-- Data for Name: edge_feed; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.edge_feed VALUES
	(1, 'keys', '{"jwks": {"keys": [{"x": "TVBJ2CVhhKLPf8q6mi0y8orgAfPR1JX0fo0nHGU3lAc", "y": "6ZOg9RaSFbYVfSHSHCkDylE_a8HWW2NbQsT0EQP8dD4", "alg": "ES256", "crv": "P-256", "kid": "LybvTKH0ilMCC7jJq_Q4fT0OouN_qLF-Dds_2mrTA8w", "kty": "EC", "use": "sig"}]}, "type": "keys"}', NULL, '2026-12-01 00:34:25.109929+00'),
	(2, 'issuer', '{"type": "issuer", "issuer": {"issuer": "http://127.0.0.1:54721", "freshness": {"maxStalenessMs": 60000, "staleIfErrorMs": 86400000}, "scopesSupported": ["agents:read", "agents:write", "tokens:read", "audit:read", "webhooks:read", "webhooks:write", "admin:orgs", "openid"], "tokenTtlSeconds": 3600, "signingAlgorithms": ["ES256"]}}', NULL, '2026-12-01 00:34:25.109929+00'),
	(3, 'policy', '{"type": "policy", "endpoints": {"scopes": ["agents:read", "agents:write", "tokens:read", "audit:read", "webhooks:read", "webhooks:write", "admin:orgs", "openid"], "endpoints": [{"path": "/api/v1/agents", "access": "bearer", "method": "POST", "scopes": ["agents:write"], "operation": "create_agent"}, {"path": "/api/v1/agents", "access": "bearer", "method": "GET", "scopes": ["agents:read"], "operation": "list_agents"}, {"path": "/api/v1/agents/{agentId}", "access": "bearer", "method": "GET", "scopes": ["agents:read"], "operation": "get_agent"}, {"path": "/api/v1/agents/{agentId}", "access": "bearer", "method": "PATCH", "scopes": ["agents:write"], "operation": "update_agent"}, {"path": "/api/v1/agents/{agentId}", "access": "bearer", "method": "DELETE", "scopes": ["agents:write"], "operation": "decommission_agent"}, {"path": "/api/v1/agents/{agentId}/credentials", "access": "bearer", "method": "POST", "scopes": ["agents:write"], "operation": "generate_credential"}, {"path": "/api/v1/agents/{agentId}/credentials", "access": "bearer", "method": "GET", "scopes": ["agents:read"], "operation": "list_credentials"}, {"path": "/api/v1/agents/{agentId}/credentials", "access": "bearer", "method": "DELETE", "scopes": ["agents:write"], "operation": "revoke_all_credentials"}, {"path": "/api/v1/agents/{agentId}/credentials/rotate", "access": "bearer", "method": "POST", "scopes": ["agents:write"], "operation": "rotate_only_credential"}, {"path": "/api/v1/agents/{agentId}/credentials/{credentialId}/rotate", "access": "bearer", "method": "POST", "scopes": ["agents:write"], "operation": "rotate_credential"}, {"path": "/api/v1/agents/{agentId}/credentials/{credentialId}", "access": "bearer", "method": "DELETE", "scopes": ["agents:write"], "operation": "revoke_credential"}, {"path": "/api/v1/agents/{agentId}/did/resolve", "access": "bearer", "method": "GET", "scopes": ["agents:read"], "operation": "resolve_agent_did"}, {"path": "/api/v1/agents/{agentId}/did/rotate", "access": "bearer", "method": "POST", "scopes": ["agents:write"], "operation": "rotate_agent_did_key"}, {"path": "/api/v1/organizations", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "create_organization"}, {"path": "/api/v1/organizations", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "list_organizations"}, {"path": "/api/v1/organizations/{organizationId}", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "get_organization"}, {"path": "/api/v1/organizations/{organizationId}", "access": "bearer", "method": "PATCH", "scopes": ["admin:orgs"], "operation": "update_organization"}, {"path": "/api/v1/organizations/{organizationId}", "access": "bearer", "method": "DELETE", "scopes": ["admin:orgs"], "operation": "delete_organization"}, {"path": "/api/v1/organizations/{organizationId}/resources", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "get_allowed_resources"}, {"path": "/api/v1/organizations/{organizationId}/resources", "access": "bearer", "method": "PUT", "scopes": ["admin:orgs"], "operation": "set_allowed_resources"}, {"path": "/api/v1/organizations/{organizationId}/members", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "list_members"}, {"path": "/api/v1/organizations/{organizationId}/members", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "add_member"}, {"path": "/api/v1/organizations/{organizationId}/members/{agentId}", "access": "bearer", "method": "PATCH", "scopes": ["admin:orgs"], "operation": "change_member"}, {"path": "/api/v1/organizations/{organizationId}/members/{agentId}", "access": "bearer", "method": "DELETE", "scopes": ["admin:orgs"], "operation": "remove_member"}, {"path": "/api/v1/keys", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "list_signing_keys"}, {"path": "/api/v1/keys/rotate", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "rotate_signing_key"}, {"path": "/api/v1/keys/{kid}/revoke", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "revoke_signing_key"}, {"path": "/api/v1/audit", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "list_audit_events"}, {"path": "/api/v1/audit/logs", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "list_audit_logs"}, {"path": "/api/v1/audit/verify", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "verify_audit_log"}, {"path": "/api/v1/audit/checkpoint", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "get_audit_checkpoint"}, {"path": "/api/v1/audit/proof/inclusion", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "prove_audit_inclusion"}, {"path": "/api/v1/audit/proof/consistency", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "prove_audit_consistency"}, {"path": "/api/v1/audit/{eventId}", "access": "bearer", "method": "GET", "scopes": ["audit:read"], "operation": "get_audit_event"}, {"path": "/oauth2/authorize", "access": "public", "method": "GET", "operation": "authorize"}, {"path": "/oauth2/token", "access": "client", "method": "POST", "operation": "issue_token"}, {"path": "/api/v1/token", "access": "client", "method": "POST", "operation": "issue_token_alias"}, {"path": "/oauth2/token/delegate", "access": "bearer", "method": "POST", "operation": "delegate"}, {"path": "/oauth2/token/delegate/{chainId}", "access": "bearer", "method": "DELETE", "operation": "revoke_delegation"}, {"path": "/oauth2/token/verify-delegation", "access": "bearer", "method": "POST", "operation": "verify_delegation"}, {"path": "/oauth2/revoke", "access": "client", "method": "POST", "operation": "revoke_token"}, {"path": "/api/v1/token/revoke", "access": "client", "method": "POST", "operation": "revoke_token_alias"}, {"path": "/oauth2/introspect", "access": "client", "method": "POST", "scopes": ["tokens:read"], "operation": "introspect_token"}, {"path": "/api/v1/token/introspect", "access": "client", "method": "POST", "scopes": ["tokens:read"], "operation": "introspect_token_alias"}, {"path": "/api/v1/oidc/token", "access": "public", "method": "POST", "operation": "exchange_oidc_token"}, {"path": "/api/v1/oidc/trust-policies", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "create_trust_policy"}, {"path": "/api/v1/oidc/trust-policies", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "list_trust_policies"}, {"path": "/api/v1/oidc/trust-policies/{policyId}", "access": "bearer", "method": "DELETE", "scopes": ["admin:orgs"], "operation": "delete_trust_policy"}, {"path": "/api/v1/federation/partners", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "create_partner"}, {"path": "/api/v1/federation/partners", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "list_partners"}, {"path": "/api/v1/federation/partners/{partnerId}", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "get_partner"}, {"path": "/api/v1/federation/partners/{partnerId}", "access": "bearer", "method": "PATCH", "scopes": ["admin:orgs"], "operation": "update_partner"}, {"path": "/api/v1/federation/partners/{partnerId}", "access": "bearer", "method": "DELETE", "scopes": ["admin:orgs"], "operation": "delete_partner"}, {"path": "/api/v1/federation/grants", "access": "bearer", "method": "POST", "scopes": ["admin:orgs"], "operation": "create_grant"}, {"path": "/api/v1/federation/grants", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "list_grants"}, {"path": "/api/v1/federation/grants/{grantId}", "access": "bearer", "method": "GET", "scopes": ["admin:orgs"], "operation": "get_grant"}, {"path": "/api/v1/federation/grants/{grantId}", "access": "bearer", "method": "DELETE", "scopes": ["admin:orgs"], "operation": "delete_grant"}, {"path": "/api/v1/federation/verify", "access": "bearer", "method": "POST", "scopes": ["agents:read"], "operation": "verify_partner_token"}, {"path": "/agent-info", "access": "bearer", "method": "GET", "scopes": ["openid"], "operation": "get_agent_info"}, {"path": "/agent-info", "access": "bearer", "method": "POST", "scopes": ["openid"], "operation": "post_agent_info"}, {"path": "/.well-known/openid-configuration", "access": "public", "method": "GET", "operation": "get_openid_configuration"}, {"path": "/.well-known/oauth-authorization-server", "access": "public", "method": "GET", "operation": "get_authorization_server_metadata"}, {"path": "/.well-known/oauth-protected-resource", "access": "public", "method": "GET", "operation": "get_protected_resource_metadata"}, {"path": "/organizations/{organizationId}/.well-known/openid-configuration", "access": "public", "method": "GET", "operation": "get_organization_openid_configuration"}, {"path": "/.well-known/openid-configuration/organizations/{organizationId}", "access": "public", "method": "GET", "operation": "get_organization_openid_configuration_alias"}, {"path": "/.well-known/oauth-authorization-server/organizations/{organizationId}", "access": "public", "method": "GET", "operation": "get_organization_authorization_server_metadata"}, {"path": "/.well-known/jwks.json", "access": "public", "method": "GET", "operation": "get_jwks"}, {"path": "/.well-known/did.json", "access": "public", "method": "GET", "operation": "get_instance_did"}, {"path": "/agents/{agentId}/did.json", "access": "public", "method": "GET", "operation": "get_agent_did"}, {"path": "/api/v1/agents/{agentId}/did", "access": "public", "method": "GET", "operation": "get_agent_did_alias"}, {"path": "/.well-known/agent-card.json", "access": "public", "method": "GET", "operation": "get_instance_card"}, {"path": "/agents/{agentId}/agent-card.json", "access": "public", "method": "GET", "operation": "get_agent_card"}, {"path": "/api/v1/agents/{agentId}/did/card", "access": "public", "method": "GET", "operation": "get_agntcy_card"}, {"path": "/agents/{agentId}/oasf.json", "access": "public", "method": "GET", "operation": "get_oasf_record"}, {"path": "/agents/{agentId}/badge.jwt", "access": "public", "method": "GET", "operation": "get_agent_badge"}, {"path": "/status-lists/{statusListId}", "access": "public", "method": "GET", "operation": "get_status_list"}, {"path": "/api/v1/compliance/controls", "access": "public", "method": "GET", "operation": "list_compliance_controls"}, {"path": "/health", "access": "public", "method": "GET", "operation": "get_health"}, {"path": "/health/detailed", "access": "public", "method": "GET", "operation": "get_health_detailed"}, {"path": "/health/live", "access": "public", "method": "GET", "operation": "get_liveness"}, {"path": "/health/ready", "access": "public", "method": "GET", "operation": "get_readiness"}, {"path": "/openapi.json", "access": "public", "method": "GET", "operation": "get_openapi"}, {"path": "/edge/v1/snapshot", "access": "edge", "method": "GET", "operation": "get_edge_snapshot"}, {"path": "/edge/v1/changes", "access": "edge", "method": "GET", "operation": "get_edge_changes"}, {"path": "/edge/v1/usage", "access": "edge", "method": "POST", "operation": "report_edge_usage"}, {"path": "/edge/v1/nodes", "access": "edge", "method": "GET", "operation": "list_edge_nodes"}]}}', NULL, '2026-12-01 00:34:25.109929+00'),
	(4, 'rate-limits', '{"type": "rateLimits", "limits": {"pro": {"burst": 100000, "seconds": 1, "requests": 100000}, "free": {"burst": 100000, "seconds": 1, "requests": 100000}, "client": {"burst": 100000, "seconds": 1, "requests": 100000}, "address": {"burst": 100000, "seconds": 1, "requests": 100000}, "enterprise": {"burst": 100000, "seconds": 1, "requests": 100000}}}', NULL, '2026-12-01 00:34:25.109929+00'),
	(5, 'tier/01a22f06-3044-7aaa-81ab-55aee256e54e', '{"tier": "enterprise", "type": "tier", "organizationId": "01a22f06-3044-7aaa-81ab-55aee256e54e"}', NULL, '2026-12-01 00:34:25.109929+00'),
	(6, 'issuer', '{"type": "issuer", "issuer": {"issuer": "http://127.0.0.1:54721", "freshness": {"maxStalenessMs": 60000, "staleIfErrorMs": 86400000}, "documentKeys": {"keys": [{"e": "AQAB", "n": "5wmBXO-cWBiTbzzTNaKCjOXatmz3JzIiso1UklhA94r302IecHAd4EYmRAmw4MxbpTsqFE33jx0BQ7qnNvtD60cOUM9G2rWplCjpPHhgVKAHWMYOK6Rya55EyQY4aI3B5c8etNYIIY_ZBWHTSHkqtKoUtYCu7QFb28FJQlAqkmGmu4rAX9S_p6YrTpCvd6kBl5EfeqNRqoDiDe3MZeU4gnmLEVrN0tRrWqveLkJ6BX86557l8IUVMNblYjLGkRwLoeKTQLG4S4b1kgoVxgaRe3LvGSJpfknhQxIjQ0NKeXTa6ollIFrHIpsaRYH4VRPipqhADClN3HkZ0169exg9Rw", "alg": "RS256", "kid": "nZaY63YnTS1wL5Ms6box4VxVvINE6ODQoE6FrSoKuX0", "kty": "RSA", "use": "sig"}]}, "scopesSupported": ["agents:read", "agents:write", "tokens:read", "audit:read", "webhooks:read", "webhooks:write", "admin:orgs", "openid"], "tokenTtlSeconds": 3600, "signingAlgorithms": ["ES256"]}}', NULL, '2026-12-01 00:34:25.109929+00'),
	(7, 'tier/01a22f06-413b-71d3-918e-f8d57309823f', '{"tier": "enterprise", "type": "tier", "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f"}', NULL, '2026-12-01 00:34:28.811903+00'),
	(8, 'tier/01a22f06-4167-7bdb-8d17-e5ad8012b277', '{"tier": "pro", "type": "tier", "organizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}', NULL, '2026-12-01 00:34:28.910855+00'),
	(9, 'token/01a22f06-4880-788d-8e88-df83bfa3400a', '{"jti": "01a22f06-4880-788d-8e88-df83bfa3400a", "type": "tokenRevoked", "expiresAt": 1796088870}', '2026-12-01 01:34:30+00', '2026-12-01 00:34:30.667865+00'),
	(10, 'token/01a22f06-488e-7d6b-933d-8111e1d04679', '{"jti": "01a22f06-488e-7d6b-933d-8111e1d04679", "type": "tokenRevoked", "expiresAt": 1796088870}', '2026-12-01 01:34:30+00', '2026-12-01 00:34:30.683359+00'),
	(11, 'agent/01a22f06-42e8-74f7-9b45-9e6e8498cbf4', '{"type": "agent", "agentId": "01a22f06-42e8-74f7-9b45-9e6e8498cbf4", "exception": {"standing": "suspended", "expiresAt": 1796172280, "notBefore": 1796085270}}', '2026-12-02 00:44:40+00', '2026-12-01 00:34:30.72651+00'),
	(12, 'agent/01a22f06-4305-71dd-8f9b-a66a220aab71', '{"type": "agent", "agentId": "01a22f06-4305-71dd-8f9b-a66a220aab71", "exception": {"standing": "gone", "expiresAt": 1796172280, "notBefore": 1796085270}}', '2026-12-02 00:44:40+00', '2026-12-01 00:34:30.74054+00'),
	(13, 'agent/01a22f06-42c4-7f8c-8a6a-5582a01e68a0', '{"type": "agent", "agentId": "01a22f06-42c4-7f8c-8a6a-5582a01e68a0", "exception": {"standing": "active", "expiresAt": 1796172280, "notBefore": 1796085270}}', '2026-12-02 00:44:40+00', '2026-12-01 00:34:30.754932+00'),
	(14, 'organization/01a22f06-41b3-7f47-9f49-14d270fd6206', '{"type": "organization", "exception": {"standing": "suspended", "expiresAt": 1796172281, "notBefore": 1796085271}, "organizationId": "01a22f06-41b3-7f47-9f49-14d270fd6206"}', '2026-12-02 00:44:41+00', '2026-12-01 00:34:31.996967+00'),
	(15, 'tier/01a22f06-4167-7bdb-8d17-e5ad8012b277', '{"tier": "enterprise", "type": "tier", "organizationId": "01a22f06-4167-7bdb-8d17-e5ad8012b277"}', NULL, '2026-12-01 00:34:32.004772+00'),
	(16, 'partner/01a22f06-413b-71d3-918e-f8d57309823f/oLRtLalyQAeWCD-rQ-ZfE0RXoEW27W9xMhi721LVVJM', '{"type": "partner", "issuer": "https://localhost:54723", "partner": {"jwks": {"keys": [{"x": "UdrcQb0AW4InR7kQPbbXrYUobnFt_qXYOTSxBqYVvxo", "y": "KMyAwD9rDl-eeOfSZqqyYPI1neokN7QFA2WaDzShg90", "alg": "ES256", "crv": "P-256", "kid": "partner-key", "kty": "EC", "use": "sig"}]}, "partnerId": "01a22f06-4ddb-742e-8879-f17d80e01c39", "keysExpireAt": 1796088872, "allowedOrganizations": ["org-7"]}, "organizationId": "01a22f06-413b-71d3-918e-f8d57309823f"}', NULL, '2026-12-01 00:34:32.034117+00'),
	(17, 'keys', '{"jwks": {"keys": [{"x": "TVBJ2CVhhKLPf8q6mi0y8orgAfPR1JX0fo0nHGU3lAc", "y": "6ZOg9RaSFbYVfSHSHCkDylE_a8HWW2NbQsT0EQP8dD4", "alg": "ES256", "crv": "P-256", "kid": "LybvTKH0ilMCC7jJq_Q4fT0OouN_qLF-Dds_2mrTA8w", "kty": "EC", "use": "sig"}, {"x": "iN3d8r3Re9UrPwrlOql7EvuN0fzDdaEbORFLP-bm9BQ", "y": "6Gkm27WqhM0TJ8WM-eklTqBZosZpxusU-dp9FcBsLjw", "alg": "ES256", "crv": "P-256", "kid": "fzhrBzj_9I_K5QoG4L5Vmt-11aCIlt6KxTo88sMaJio", "kty": "EC", "use": "sig"}]}, "type": "keys"}', NULL, '2026-12-01 00:34:33.307278+00'),
	(18, 'keys', '{"jwks": {"keys": [{"x": "TVBJ2CVhhKLPf8q6mi0y8orgAfPR1JX0fo0nHGU3lAc", "y": "6ZOg9RaSFbYVfSHSHCkDylE_a8HWW2NbQsT0EQP8dD4", "alg": "ES256", "crv": "P-256", "kid": "LybvTKH0ilMCC7jJq_Q4fT0OouN_qLF-Dds_2mrTA8w", "kty": "EC", "use": "sig"}, {"x": "iN3d8r3Re9UrPwrlOql7EvuN0fzDdaEbORFLP-bm9BQ", "y": "6Gkm27WqhM0TJ8WM-eklTqBZosZpxusU-dp9FcBsLjw", "alg": "ES256", "crv": "P-256", "kid": "fzhrBzj_9I_K5QoG4L5Vmt-11aCIlt6KxTo88sMaJio", "kty": "EC", "use": "sig"}, {"x": "oK9PoZsG5vdpObj8v4ICESSNON9QCs8OnHsnG4-HuwQ", "alg": "EdDSA", "crv": "Ed25519", "kid": "n7H1m_NwbDbWGWMrVU7FtJbIHZ6VF6xRbEybe4U5kuU", "kty": "OKP", "use": "sig"}]}, "type": "keys"}', NULL, '2026-12-01 00:34:43.630219+00');


--
-- Data for Name: edge_feed_pending; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: edge_nodes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.edge_nodes VALUES
	('dev/north-america', '0.1.0', 18, '2026-12-01 00:35:19.077539+00');


--
-- Data for Name: edge_usage; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.edge_usage VALUES
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-423c-7c9b-9981-f505b943433a', 'denied', 2),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'allowed', 5),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 'denied', 2),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'denied', 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', 'denied', 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-4305-71dd-8f9b-a66a220aab71', 'denied', 1),
	('01a22f06-4167-7bdb-8d17-e5ad8012b277', '2026-12-01', '01a22f06-4351-76c8-8633-479e65e38733', 'allowed', 1),
	('01a22f06-41b3-7f47-9f49-14d270fd6206', '2026-12-01', '01a22f06-436b-713d-af27-4b686352dd57', 'denied', 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', '01a22f06-423c-7c9b-9981-f505b943433a', 'allowed', 8);


--
-- Data for Name: edge_usage_batches; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.edge_usage_batches VALUES
	('dev', '18bdf34b-6943-4aaa-92fb-7da2326d81ba', '2026-12-01 00:35:09.091479+00'),
	('dev', 'f108b536-1374-4bc1-a35c-d40eda437a0d', '2026-12-01 00:35:19.122958+00');


--
-- Data for Name: federation_grants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.federation_grants VALUES
	('01a22f06-4dfe-7379-9613-ecca58f3b9a0', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '{agents:read}', NULL, '2026-12-01 00:34:32.06294+00'),
	('01a22f06-4e04-7572-9bb1-c54ac08d3786', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-413b-71d3-918e-f8d57309823f', '{agents:read}', NULL, '2026-12-01 00:34:32.068819+00');


--
-- Data for Name: federation_partners; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.federation_partners VALUES
	('01a22f06-4ddb-742e-8879-f17d80e01c39', '01a22f06-413b-71d3-918e-f8d57309823f', 'Partner', 'https://localhost:54723', 'https://localhost:54723/.well-known/jwks', '{"keys": [{"x": "UdrcQb0AW4InR7kQPbbXrYUobnFt_qXYOTSxBqYVvxo", "y": "KMyAwD9rDl-eeOfSZqqyYPI1neokN7QFA2WaDzShg90", "alg": "ES256", "crv": "P-256", "kid": "partner-key", "kty": "EC", "use": "sig"}]}', '2026-12-01 00:34:32.027242+00', '2026-12-01 00:34:32.027242+00', '{org-7}', NULL, '2026-12-01 00:34:32.027242+00', '2026-12-01 00:34:32.027242+00', '2026-12-01 00:39:32.027242+00', '2026-12-01 00:34:32.027242+00');


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: instance; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.instance VALUES
	(true, '0ca814cb-021b-44c0-948e-9b2c12afb37f', '2026-12-01 00:34:24.153041+00', 'ES256', NULL);


--
-- Data for Name: job_schedules; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.job_schedules VALUES
	('housekeeping', '2026-12-01 00:30:00+00'),
	('audit.verify', '2026-12-01 00:00:00+00'),
	('audit.archive', '2026-12-01 00:00:00+00'),
	('keys.rotate', '2026-12-01 00:30:00+00'),
	('credentials.expiring', '2026-12-01 00:00:00+00'),
	('compliance.check', '2026-12-01 00:00:00+00'),
	('federation.keys', '2026-12-01 00:35:00+00');


--
-- Data for Name: jobs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.jobs VALUES
	('01a22f06-32f1-73f0-81cc-0333682718ee', NULL, 'audit.archive', '{}', 'schedule', 'done', '2026-12-01 00:34:55.198152+00', 1, 1, NULL, '2026-12-01 00:34:25.137685+00', '2026-12-01 00:34:25.229258+00'),
	('01a22f06-32fa-7ab4-8da7-84810aa56053', NULL, 'keys.rotate', '{}', 'schedule', 'done', '2026-12-01 00:34:55.198152+00', 1, 1, NULL, '2026-12-01 00:34:25.146487+00', '2026-12-01 00:34:25.233123+00'),
	('01a22f06-32fa-782f-ba0f-c6e83a942d1f', NULL, 'federation.keys', '{}', 'schedule', 'done', '2026-12-01 00:34:55.231618+00', 1, 1, NULL, '2026-12-01 00:34:25.146827+00', '2026-12-01 00:34:25.270604+00'),
	('01a22f06-32ee-73fd-9994-b94ff0793683', NULL, 'housekeeping', '{}', 'schedule', 'done', '2026-12-01 00:34:55.198152+00', 1, 1, NULL, '2026-12-01 00:34:25.134845+00', '2026-12-01 00:34:25.275949+00'),
	('01a22f06-32f1-7a38-a884-1e9a0fc24641', NULL, 'audit.verify', '{}', 'schedule', 'done', '2026-12-01 00:34:55.198152+00', 1, 1, NULL, '2026-12-01 00:34:25.137368+00', '2026-12-01 00:34:25.286469+00'),
	('01a22f06-3301-7295-b3de-6e3ca78912f9', NULL, 'credentials.expiring', '{}', 'schedule', 'done', '2026-12-01 00:34:55.249921+00', 1, 1, NULL, '2026-12-01 00:34:25.153639+00', '2026-12-01 00:34:25.298602+00'),
	('01a22f06-3313-7ba0-82fc-6c4ed17121b3', NULL, 'compliance.check', '{}', 'schedule', 'done', '2026-12-01 00:34:55.286274+00', 1, 1, NULL, '2026-12-01 00:34:25.171516+00', '2026-12-01 00:34:25.371521+00'),
	('01a22f06-bc21-7e5a-bc05-0b17b4c61544', NULL, 'federation.keys', '{}', 'schedule', 'done', '2026-12-01 00:35:30.261239+00', 1, 1, NULL, '2026-12-01 00:35:00.257534+00', '2026-12-01 00:35:00.272946+00');


--
-- Data for Name: keystore; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.keystore VALUES
	(true, '\x71d8e4b9ead6a56c3148006cef02869328efaecdb97fd7c0c82a6287b6226379b845fdd4', '5b6dc2e3eada29ed', '42e239321a2cf82b', '\xd711bc5ae0820f796d475ee272b309b9c215b967dc3fe3ef1bc01724f3942569', '\x5a2f7cab76049865d0f6828bc5c2d926f9a71407e1afc1e32a84588e975003ce1f80a23bc71742bd8ef0d888247e0a9b4de69142558352747ddfac39', '5b6dc2e3eada29ed', '2026-12-01 00:34:24.389725+00');


--
-- Data for Name: login_throttle; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: organization_members; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.organization_members VALUES
	('01a22f06-3044-7aaa-81ab-55aee256e54e', '01a22f06-304a-79a9-943e-7c14e4435db3', 'owner', '2026-12-01 00:34:24.460318+00'),
	('01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-413f-776c-8437-a825c32da5d2', 'owner', '2026-12-01 00:34:28.803698+00'),
	('01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4196-7463-aa98-97aef1121900', 'owner', '2026-12-01 00:34:28.891227+00'),
	('01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-41b8-7800-8867-34ceca5cd6cc', 'owner', '2026-12-01 00:34:28.923098+00'),
	('01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 'admin', '2026-12-01 00:34:29.215187+00');


--
-- Data for Name: organizations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.organizations VALUES
	('01a22f06-3044-7aaa-81ab-55aee256e54e', 'system', 'System', 'active', 'enterprise', true, NULL, '2026-12-01 00:34:24.452457+00', '2026-12-01 00:34:24.452457+00', NULL, NULL, 'instance', '{*}'),
	('01a22f06-41b3-7f47-9f49-14d270fd6206', 'gamma', 'Organization gamma', 'suspended', 'free', false, '2026-12-01 00:34:31.990899+00', '2026-12-01 00:34:28.915241+00', '2026-12-01 00:34:31.990899+00', NULL, NULL, 'instance', '{*}'),
	('01a22f06-4167-7bdb-8d17-e5ad8012b277', 'beta', 'Organization beta', 'active', 'enterprise', false, NULL, '2026-12-01 00:34:28.839526+00', '2026-12-01 00:34:32.000819+00', 'ES256', NULL, 'organization', '{*}'),
	('01a22f06-413b-71d3-918e-f8d57309823f', 'alpha', 'Organization alpha', 'active', 'enterprise', false, NULL, '2026-12-01 00:34:28.795756+00', '2026-12-01 00:34:43.599697+00', 'EdDSA', 'ES256', 'instance', '{https://orders.example}');


--
-- Data for Name: retired_did_keys; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: revoked_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.revoked_tokens VALUES
	('01a22f06-4880-788d-8e88-df83bfa3400a', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '2026-12-01 01:34:30+00', '2026-12-01 00:34:30.663871+00'),
	('01a22f06-488e-7d6b-933d-8111e1d04679', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '2026-12-01 01:34:30+00', '2026-12-01 00:34:30.678256+00');


--
-- Data for Name: signing_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.signing_keys VALUES
	('LybvTKH0ilMCC7jJq_Q4fT0OouN_qLF-Dds_2mrTA8w', 'ES256', 'retiring', '{"x": "TVBJ2CVhhKLPf8q6mi0y8orgAfPR1JX0fo0nHGU3lAc", "y": "6ZOg9RaSFbYVfSHSHCkDylE_a8HWW2NbQsT0EQP8dD4", "alg": "ES256", "crv": "P-256", "kid": "LybvTKH0ilMCC7jJq_Q4fT0OouN_qLF-Dds_2mrTA8w", "kty": "EC", "use": "sig"}', '\xa6584769ce73664463a026c53644795b363c55b36f221e27735f1b6a7a73eeffb00bc76d8e445f37311e26d376133a73e46d5ea9cb65cbb0d58483b1d99a73a033e6b5aef02f54b5731bf703bf89a97de7c92574a23ef97c63d96d480e0ef64676359f89bf9c97ae2cb88f31c608d301b3ce71f55840b0ee093848cb3dd08857e4d1326c09020916783b48d95c3ec1a9998b800bf62eee4e29eb317076ca498318abe1bdc362', '5b6dc2e3eada29ed', 3600, '2026-12-01 00:34:24.432048+00', '2026-12-01 00:34:24.432048+00', '2026-12-01 00:34:41.236408+00', NULL),
	('fzhrBzj_9I_K5QoG4L5Vmt-11aCIlt6KxTo88sMaJio', 'ES256', 'active', '{"x": "iN3d8r3Re9UrPwrlOql7EvuN0fzDdaEbORFLP-bm9BQ", "y": "6Gkm27WqhM0TJ8WM-eklTqBZosZpxusU-dp9FcBsLjw", "alg": "ES256", "crv": "P-256", "kid": "fzhrBzj_9I_K5QoG4L5Vmt-11aCIlt6KxTo88sMaJio", "kty": "EC", "use": "sig"}', '\x6b0a2c9f560f0df6ce110ad00c99e8a5179a5be4ff98a45133ed869f656a704aba730c139df99554239de857ae216482e49c2f46c79c88d481f589375127686fdbb64b110154e135f96c3de3e0ccaad38a187cd099611a35a6b9160a458253e32eb1d8dc43db53c92662f3dd5678049177865fe037ccfef46a1318217dcc996ea05b45361899136b310c7a4107d6520971c3b426f2d67a77c1588d5613a8a15572be92456be2', '5b6dc2e3eada29ed', 3600, '2026-12-01 00:34:33.302798+00', '2026-12-01 00:34:41.236408+00', NULL, NULL),
	('n7H1m_NwbDbWGWMrVU7FtJbIHZ6VF6xRbEybe4U5kuU', 'EdDSA', 'active', '{"x": "oK9PoZsG5vdpObj8v4ICESSNON9QCs8OnHsnG4-HuwQ", "alg": "EdDSA", "crv": "Ed25519", "kid": "n7H1m_NwbDbWGWMrVU7FtJbIHZ6VF6xRbEybe4U5kuU", "kty": "OKP", "use": "sig"}', '\x9e143ea57354ef84a4e763d8658737c5dc8eea66f76cff8f833bf825dc668910ddef046235d2254f3ecc2f16fa55aa63bf6afd05c2685cc0247cacc8f353bfd8d8b825a1562b9ee82fcfaf524cac3fdc3e2b09a9ef136c891add5af9dd0f4e1a16c3f1bf0a249030c68bc7dc8596bf', '5b6dc2e3eada29ed', 3600, '2026-12-01 00:34:43.603664+00', '2026-12-01 00:34:51.343649+00', NULL, NULL);


--
-- Data for Name: status_list_entries; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.status_list_entries VALUES
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 55440, '01a22f06-3b12-750a-8161-a68448fc75a5', '01a22f06-3044-7aaa-81ab-55aee256e54e', '01a22f06-304a-79a9-943e-7c14e4435db3', '01a22f06-304a-79a9-943e-7c14e4435db3', 1796085267, '2026-12-01 01:34:27+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 8566, '01a22f06-41c9-7a29-b880-e8020ae7f5b0', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-413f-776c-8437-a825c32da5d2', '01a22f06-413f-776c-8437-a825c32da5d2', 1796085268, '2026-12-01 01:34:28+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 21072, '01a22f06-4201-7faa-aee4-9d97b8740904', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4196-7463-aa98-97aef1121900', '01a22f06-4196-7463-aa98-97aef1121900', 1796085268, '2026-12-01 01:34:28+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 12998, '01a22f06-4222-70c5-a5e8-e50f3520193e', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-41b8-7800-8867-34ceca5cd6cc', '01a22f06-41b8-7800-8867-34ceca5cd6cc', 1796085269, '2026-12-01 01:34:29+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 31198, '01a22f06-4848-7449-90a7-708fb061eba1', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 48904, '01a22f06-484d-7845-8160-a721d9ab1d70', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 61730, '01a22f06-4850-70e2-bf65-21e006b854ff', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 38538, '01a22f06-4853-74be-bcd6-c77d46b49c6a', '01a22f06-4167-7bdb-8d17-e5ad8012b277', '01a22f06-4351-76c8-8633-479e65e38733', '01a22f06-4351-76c8-8633-479e65e38733', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 30893, '01a22f06-485b-70d9-b647-fd3608c5a701', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-413f-776c-8437-a825c32da5d2', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 58480, '01a22f06-485e-7003-828f-64f83ddbc8ed', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 63079, '01a22f06-4867-7267-8e90-8c989e8f092c', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085270, '2026-12-01 01:34:30+00', '[{"iat": 1796085270, "jti": "01a22f06-485e-7003-828f-64f83ddbc8ed", "sub": "01a22f06-4273-7f77-ad47-e2f4181f7e85"}]'),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 62594, '01a22f06-4872-7fd6-a69f-88a35fd8e847', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 1796085270, '2026-12-01 01:34:30+00', '[{"iat": 1796085270, "jti": "01a22f06-485e-7003-828f-64f83ddbc8ed", "sub": "01a22f06-4273-7f77-ad47-e2f4181f7e85"}, {"iat": 1796085270, "jti": "01a22f06-4867-7267-8e90-8c989e8f092c", "sub": "01a22f06-423c-7c9b-9981-f505b943433a"}]'),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 46961, '01a22f06-4876-795b-922b-0ad9a368accc', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 30830, '01a22f06-4880-788d-8e88-df83bfa3400a', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085270, '2026-12-01 01:34:30+00', '[{"iat": 1796085270, "jti": "01a22f06-4876-795b-922b-0ad9a368accc", "sub": "01a22f06-4273-7f77-ad47-e2f4181f7e85"}]'),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 15701, '01a22f06-488e-7d6b-933d-8111e1d04679', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 36392, '01a22f06-48a4-7cc1-b3de-b7e400bf2b84', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', '01a22f06-42e8-74f7-9b45-9e6e8498cbf4', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 57862, '01a22f06-48aa-7df7-8ee4-1a697b18a90c', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4305-71dd-8f9b-a66a220aab71', '01a22f06-4305-71dd-8f9b-a66a220aab71', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 3220, '01a22f06-48ad-7907-840a-b1f23f335c5c', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', '01a22f06-42c4-7f8c-8a6a-5582a01e68a0', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 64430, '01a22f06-48b1-7ef0-93ab-2504764b2c2c', '01a22f06-41b3-7f47-9f49-14d270fd6206', '01a22f06-436b-713d-af27-4b686352dd57', '01a22f06-436b-713d-af27-4b686352dd57', 1796085270, '2026-12-01 01:34:30+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 18833, '01a22f06-6363-79d7-a650-930fe73af289', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085277, '2026-12-01 01:34:37+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 47756, '01a22f06-7afc-7ac2-a613-d90ecef10aec', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085283, '2026-12-01 01:34:43+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 7932, '01a22f06-7f13-77fc-b4da-53db39954bda', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085284, '2026-12-01 01:34:44+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 33025, '01a22f06-8311-7516-a2c3-b557a400e250', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085285, '2026-12-01 01:34:45+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 1946, '01a22f06-8710-7e29-a392-2186dcbf20f2', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085286, '2026-12-01 01:34:46+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 18736, '01a22f06-8b12-728f-bc17-ed9fc59f51e9', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085287, '2026-12-01 01:34:47+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 48536, '01a22f06-8f09-720e-9d56-e5aeb4ac4ca3', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085288, '2026-12-01 01:34:48+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 10865, '01a22f06-92ff-7403-aa35-d26b058a0d63', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085289, '2026-12-01 01:34:49+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 5438, '01a22f06-9703-71ee-bfe7-fdf582a0fae7', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085290, '2026-12-01 01:34:50+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 21596, '01a22f06-9aff-7941-ae06-599ac8918de4', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085291, '2026-12-01 01:34:51+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 10906, '01a22f06-9b0b-7d81-8ffb-c10f6dca37cb', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 1796085291, '2026-12-01 01:34:51+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 9647, '01a22f06-9b12-74ce-9260-90828fe8625d', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085291, '2026-12-01 01:34:51+00', '[{"iat": 1796085291, "jti": "01a22f06-9b0b-7d81-8ffb-c10f6dca37cb", "sub": "01a22f06-4273-7f77-ad47-e2f4181f7e85"}]'),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 29451, '01a22f06-9b1b-7565-bc87-3fc27c75162b', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4273-7f77-ad47-e2f4181f7e85', 1796085291, '2026-12-01 01:34:51+00', NULL),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 40453, '01a22f06-9b23-73dd-a25d-188f8266c360', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-4273-7f77-ad47-e2f4181f7e85', '01a22f06-4351-76c8-8633-479e65e38733', 1796085291, '2026-12-01 01:34:51+00', '[{"iat": 1796085291, "jti": "01a22f06-9b1b-7565-bc87-3fc27c75162b", "sub": "01a22f06-4273-7f77-ad47-e2f4181f7e85"}]'),
	('01a22f06-3b12-7048-bc41-1eaf92c7eb63', 52057, '01a22f06-9b2e-703e-928e-097285134d2a', '01a22f06-413b-71d3-918e-f8d57309823f', '01a22f06-423c-7c9b-9981-f505b943433a', '01a22f06-423c-7c9b-9981-f505b943433a', 1796085291, '2026-12-01 01:34:51+00', NULL);


--
-- Data for Name: trust_policies; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.trust_policies VALUES
	('01a22f06-4de8-73a5-a032-73f6a07dd8ef', '01a22f06-413b-71d3-918e-f8d57309823f', 'oidc', 'https://localhost:54723', '{"claims": {"claims": {}, "subject": "job-7"}}', '{}', '01a22f06-423c-7c9b-9981-f505b943433a', false, '2026-12-01 00:34:32.04127+00', NULL),
	('01a22f06-4df1-729a-b80e-5e264d3084aa', '01a22f06-413b-71d3-918e-f8d57309823f', 'github', 'https://token.actions.githubusercontent.com', '{"github": {"ref": "refs/heads/main", "repository": "octo-org/app"}}', '{}', '01a22f06-423c-7c9b-9981-f505b943433a', false, '2026-12-01 00:34:32.049487+00', NULL);


--
-- Data for Name: usage_counters_2026_12; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.usage_counters_2026_12 VALUES
	('01a22f06-3044-7aaa-81ab-55aee256e54e', '2026-12-01', 'tokens', 2, 1),
	('01a22f06-4167-7bdb-8d17-e5ad8012b277', '2026-12-01', 'tokens', 3, 1),
	('01a22f06-41b3-7f47-9f49-14d270fd6206', '2026-12-01', 'tokens', 11, 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 9, 1),
	('01a22f06-4167-7bdb-8d17-e5ad8012b277', '2026-12-01', 'tokens', 7, 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 14, 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 6, 3),
	('01a22f06-41b3-7f47-9f49-14d270fd6206', '2026-12-01', 'tokens', 14, 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 11, 2),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 8, 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 10, 3),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 1, 1),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 3, 4),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 0, 3),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 7, 2),
	('01a22f06-413b-71d3-918e-f8d57309823f', '2026-12-01', 'tokens', 2, 3);


--
-- Data for Name: usage_counters_2027_01; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: usage_counters_2027_02; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: usage_counters_2027_03; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: usage_counters_default; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: used_assertions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: used_outside_tokens; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: edge_feed_pending_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.edge_feed_pending_id_seq', 18, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


--
-- Name: agent_did_keys agent_did_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_did_keys
    ADD CONSTRAINT agent_did_keys_pkey PRIMARY KEY (agent_id);


--
-- Name: agents agents_organization_id_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_organization_id_id_key UNIQUE (organization_id, id);


--
-- Name: agents agents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_pkey PRIMARY KEY (id);


--
-- Name: audit_carried audit_carried_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_carried
    ADD CONSTRAINT audit_carried_pkey PRIMARY KEY (destination);


--
-- Name: audit_checkpoints audit_checkpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_checkpoints
    ADD CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (tree_size);


--
-- Name: audit_events audit_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (event_id, occurred_at);


--
-- Name: audit_events_2026_12 audit_events_2026_12_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events_2026_12
    ADD CONSTRAINT audit_events_2026_12_pkey PRIMARY KEY (event_id, occurred_at);


--
-- Name: audit_events_2027_01 audit_events_2027_01_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events_2027_01
    ADD CONSTRAINT audit_events_2027_01_pkey PRIMARY KEY (event_id, occurred_at);


--
-- Name: audit_events_2027_02 audit_events_2027_02_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events_2027_02
    ADD CONSTRAINT audit_events_2027_02_pkey PRIMARY KEY (event_id, occurred_at);


--
-- Name: audit_events_2027_03 audit_events_2027_03_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events_2027_03
    ADD CONSTRAINT audit_events_2027_03_pkey PRIMARY KEY (event_id, occurred_at);


--
-- Name: audit_events_default audit_events_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_events_default
    ADD CONSTRAINT audit_events_default_pkey PRIMARY KEY (event_id, occurred_at);


--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (sequence);


--
-- Name: audit_tree audit_tree_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_tree
    ADD CONSTRAINT audit_tree_pkey PRIMARY KEY (level, index);


--
-- Name: audit_unsealed audit_unsealed_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.audit_unsealed
    ADD CONSTRAINT audit_unsealed_pkey PRIMARY KEY (occurred_at, event_id);


--
-- Name: compliance_results compliance_results_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.compliance_results
    ADD CONSTRAINT compliance_results_pkey PRIMARY KEY (control);


--
-- Name: credential_expiry_notices credential_expiry_notices_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.credential_expiry_notices
    ADD CONSTRAINT credential_expiry_notices_pkey PRIMARY KEY (credential_id, threshold_days);


--
-- Name: credentials credentials_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (id);


--
-- Name: delegations delegations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_pkey PRIMARY KEY (chain_id);


--
-- Name: document_keys document_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.document_keys
    ADD CONSTRAINT document_keys_pkey PRIMARY KEY (kid);


--
-- Name: edge_feed_pending edge_feed_pending_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edge_feed_pending
    ADD CONSTRAINT edge_feed_pending_pkey PRIMARY KEY (id);


--
-- Name: edge_feed edge_feed_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edge_feed
    ADD CONSTRAINT edge_feed_pkey PRIMARY KEY (sequence);


--
-- Name: edge_nodes edge_nodes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edge_nodes
    ADD CONSTRAINT edge_nodes_pkey PRIMARY KEY (id);


--
-- Name: edge_usage_batches edge_usage_batches_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edge_usage_batches
    ADD CONSTRAINT edge_usage_batches_pkey PRIMARY KEY (edge, batch_id);


--
-- Name: edge_usage edge_usage_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edge_usage
    ADD CONSTRAINT edge_usage_pkey PRIMARY KEY (organization_id, day, agent_id, decision);


--
-- Name: federation_grants federation_grants_grantee; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.federation_grants
    ADD CONSTRAINT federation_grants_grantee UNIQUE (organization_id, grantee_id);


--
-- Name: federation_grants federation_grants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.federation_grants
    ADD CONSTRAINT federation_grants_pkey PRIMARY KEY (id);


--
-- Name: federation_partners federation_partners_issuer; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.federation_partners
    ADD CONSTRAINT federation_partners_issuer UNIQUE (organization_id, issuer);


--
-- Name: federation_partners federation_partners_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.federation_partners
    ADD CONSTRAINT federation_partners_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (organization_id, agent_id, operation, key);


--
-- Name: instance instance_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.instance
    ADD CONSTRAINT instance_pkey PRIMARY KEY (only_one);


--
-- Name: job_schedules job_schedules_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.job_schedules
    ADD CONSTRAINT job_schedules_pkey PRIMARY KEY (name);


--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);


--
-- Name: keystore keystore_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.keystore
    ADD CONSTRAINT keystore_pkey PRIMARY KEY (only_one);


--
-- Name: login_throttle login_throttle_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.login_throttle
    ADD CONSTRAINT login_throttle_pkey PRIMARY KEY (key);


--
-- Name: organization_members organization_members_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_members
    ADD CONSTRAINT organization_members_pkey PRIMARY KEY (organization_id, agent_id);


--
-- Name: organizations organizations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);


--
-- Name: organizations organizations_slug_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_slug_unique UNIQUE (slug);


--
-- Name: retired_did_keys retired_did_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.retired_did_keys
    ADD CONSTRAINT retired_did_keys_pkey PRIMARY KEY (agent_id, number);


--
-- Name: revoked_tokens revoked_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.revoked_tokens
    ADD CONSTRAINT revoked_tokens_pkey PRIMARY KEY (jti);


--
-- Name: signing_keys signing_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);


--
-- Name: status_list_entries status_list_entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.status_list_entries
    ADD CONSTRAINT status_list_entries_pkey PRIMARY KEY (list_id, idx);


--
-- Name: trust_policies trust_policies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trust_policies
    ADD CONSTRAINT trust_policies_pkey PRIMARY KEY (id);


--
-- Name: usage_counters usage_counters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters
    ADD CONSTRAINT usage_counters_pkey PRIMARY KEY (organization_id, day, metric, slot);


--
-- Name: usage_counters_2026_12 usage_counters_2026_12_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters_2026_12
    ADD CONSTRAINT usage_counters_2026_12_pkey PRIMARY KEY (organization_id, day, metric, slot);


--
-- Name: usage_counters_2027_01 usage_counters_2027_01_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters_2027_01
    ADD CONSTRAINT usage_counters_2027_01_pkey PRIMARY KEY (organization_id, day, metric, slot);


--
-- Name: usage_counters_2027_02 usage_counters_2027_02_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters_2027_02
    ADD CONSTRAINT usage_counters_2027_02_pkey PRIMARY KEY (organization_id, day, metric, slot);


--
-- Name: usage_counters_2027_03 usage_counters_2027_03_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters_2027_03
    ADD CONSTRAINT usage_counters_2027_03_pkey PRIMARY KEY (organization_id, day, metric, slot);


--
-- Name: usage_counters_default usage_counters_default_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage_counters_default
    ADD CONSTRAINT usage_counters_default_pkey PRIMARY KEY (organization_id, day, metric, slot);


--
-- Name: used_assertions used_assertions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.used_assertions
    ADD CONSTRAINT used_assertions_pkey PRIMARY KEY (agent_id, jti_hash);


--
-- Name: used_outside_tokens used_outside_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.used_outside_tokens
    ADD CONSTRAINT used_outside_tokens_pkey PRIMARY KEY (used_by);


--
-- Name: agent_did_keys_sealed_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX agent_did_keys_sealed_by ON public.agent_did_keys USING btree (wrapping_key_id) WHERE (private_key_ciphertext <> '\x'::bytea);


--
-- Name: agents_email_unique; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX agents_email_unique ON public.agents USING btree (organization_id, lower(email)) WHERE (status <> 'decommissioned'::text);


--
-- Name: agents_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX agents_newest ON public.agents USING btree (organization_id, created_at DESC, id DESC);


--
-- Name: audit_events_of_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_of_agent ON ONLY public.audit_events USING btree (organization_id, agent_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2026_12_organization_id_agent_id_occurred_at_e_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2026_12_organization_id_agent_id_occurred_at_e_idx ON public.audit_events_2026_12 USING btree (organization_id, agent_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_newest ON ONLY public.audit_events USING btree (organization_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2026_12_organization_id_occurred_at_event_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2026_12_organization_id_occurred_at_event_id_idx ON public.audit_events_2026_12 USING btree (organization_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2027_01_organization_id_agent_id_occurred_at_e_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2027_01_organization_id_agent_id_occurred_at_e_idx ON public.audit_events_2027_01 USING btree (organization_id, agent_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2027_01_organization_id_occurred_at_event_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2027_01_organization_id_occurred_at_event_id_idx ON public.audit_events_2027_01 USING btree (organization_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2027_02_organization_id_agent_id_occurred_at_e_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2027_02_organization_id_agent_id_occurred_at_e_idx ON public.audit_events_2027_02 USING btree (organization_id, agent_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2027_02_organization_id_occurred_at_event_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2027_02_organization_id_occurred_at_event_id_idx ON public.audit_events_2027_02 USING btree (organization_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2027_03_organization_id_agent_id_occurred_at_e_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2027_03_organization_id_agent_id_occurred_at_e_idx ON public.audit_events_2027_03 USING btree (organization_id, agent_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_2027_03_organization_id_occurred_at_event_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_2027_03_organization_id_occurred_at_event_id_idx ON public.audit_events_2027_03 USING btree (organization_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_default_organization_id_agent_id_occurred_at_e_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_default_organization_id_agent_id_occurred_at_e_idx ON public.audit_events_default USING btree (organization_id, agent_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_events_default_organization_id_occurred_at_event_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX audit_events_default_organization_id_occurred_at_event_id_idx ON public.audit_events_default USING btree (organization_id, occurred_at DESC, event_id DESC);


--
-- Name: audit_seals_of_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX audit_seals_of_organization ON public.audit_seals USING btree (organization_id, occurred_at, event_id);


--
-- Name: credentials_expiring; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX credentials_expiring ON public.credentials USING btree (expires_at) WHERE ((status = 'active'::text) AND (expires_at IS NOT NULL));


--
-- Name: credentials_of_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX credentials_of_agent ON public.credentials USING btree (organization_id, agent_id, created_at DESC, id DESC);


--
-- Name: credentials_of_client; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX credentials_of_client ON public.credentials USING btree (agent_id) WHERE (status = 'active'::text);


--
-- Name: credentials_secret; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX credentials_secret ON public.credentials USING btree (secret_hmac);


--
-- Name: delegations_abroad; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX delegations_abroad ON public.delegations USING btree (organization_id, delegatee_organization_id) WHERE (delegatee_organization_id IS NOT NULL);


--
-- Name: delegations_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX delegations_expiry ON public.delegations USING btree (expires_at);


--
-- Name: document_keys_sealed_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX document_keys_sealed_by ON public.document_keys USING btree (wrapping_key_id) WHERE (private_key_ciphertext <> '\x'::bytea);


--
-- Name: edge_feed_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX edge_feed_key ON public.edge_feed USING btree (key, sequence DESC);


--
-- Name: edge_usage_batches_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX edge_usage_batches_age ON public.edge_usage_batches USING btree (received_at);


--
-- Name: federation_partners_refresh; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX federation_partners_refresh ON public.federation_partners USING btree (keys_refresh_at);


--
-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);


--
-- Name: idempotency_keys_sealed_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_sealed_by ON public.idempotency_keys USING btree (wrapping_key_id) WHERE (response_ciphertext <> '\x'::bytea);


--
-- Name: jobs_dedup; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX jobs_dedup ON public.jobs USING btree (organization_id, kind, dedup_key) NULLS NOT DISTINCT WHERE ((state = ANY (ARRAY['ready'::text, 'running'::text])) AND (dedup_key IS NOT NULL));


--
-- Name: jobs_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX jobs_due ON public.jobs USING btree (due_at, id) WHERE (state = ANY (ARRAY['ready'::text, 'running'::text]));


--
-- Name: jobs_finished; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX jobs_finished ON public.jobs USING btree (state, finished_at) WHERE (state = ANY (ARRAY['done'::text, 'dead'::text]));


--
-- Name: organizations_algorithms; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX organizations_algorithms ON public.organizations USING btree (signing_algorithm) WHERE (signing_algorithm IS NOT NULL);


--
-- Name: organizations_newest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX organizations_newest ON public.organizations USING btree (created_at DESC, id DESC);


--
-- Name: organizations_one_system; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX organizations_one_system ON public.organizations USING btree (is_system) WHERE is_system;


--
-- Name: revoked_tokens_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX revoked_tokens_expiry ON public.revoked_tokens USING btree (expires_at);


--
-- Name: signing_keys_one_active; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX signing_keys_one_active ON public.signing_keys USING btree (algorithm) WHERE (status = 'active'::text);


--
-- Name: signing_keys_one_next; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX signing_keys_one_next ON public.signing_keys USING btree (algorithm) WHERE (status = 'next'::text);


--
-- Name: signing_keys_sealed_by; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX signing_keys_sealed_by ON public.signing_keys USING btree (wrapping_key_id) WHERE (private_key_ciphertext <> '\x'::bytea);


--
-- Name: status_list_entries_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX status_list_entries_expiry ON public.status_list_entries USING btree (expires_at);


--
-- Name: trust_policies_of_agent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX trust_policies_of_agent ON public.trust_policies USING btree (organization_id, agent_id);


--
-- Name: trust_policies_of_organization; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX trust_policies_of_organization ON public.trust_policies USING btree (organization_id, created_at, id);


--
-- Name: used_assertions_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX used_assertions_expiry ON public.used_assertions USING btree (expires_at);


--
-- Name: used_outside_tokens_expiry; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX used_outside_tokens_expiry ON public.used_outside_tokens USING btree (expires_at);


--
-- Name: audit_events_2026_12_organization_id_agent_id_occurred_at_e_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_of_agent ATTACH PARTITION public.audit_events_2026_12_organization_id_agent_id_occurred_at_e_idx;


--
-- Name: audit_events_2026_12_organization_id_occurred_at_event_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_newest ATTACH PARTITION public.audit_events_2026_12_organization_id_occurred_at_event_id_idx;


--
-- Name: audit_events_2026_12_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_pkey ATTACH PARTITION public.audit_events_2026_12_pkey;


--
-- Name: audit_events_2027_01_organization_id_agent_id_occurred_at_e_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_of_agent ATTACH PARTITION public.audit_events_2027_01_organization_id_agent_id_occurred_at_e_idx;


--
-- Name: audit_events_2027_01_organization_id_occurred_at_event_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_newest ATTACH PARTITION public.audit_events_2027_01_organization_id_occurred_at_event_id_idx;


--
-- Name: audit_events_2027_01_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_pkey ATTACH PARTITION public.audit_events_2027_01_pkey;


--
-- Name: audit_events_2027_02_organization_id_agent_id_occurred_at_e_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_of_agent ATTACH PARTITION public.audit_events_2027_02_organization_id_agent_id_occurred_at_e_idx;


--
-- Name: audit_events_2027_02_organization_id_occurred_at_event_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_newest ATTACH PARTITION public.audit_events_2027_02_organization_id_occurred_at_event_id_idx;


--
-- Name: audit_events_2027_02_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_pkey ATTACH PARTITION public.audit_events_2027_02_pkey;


--
-- Name: audit_events_2027_03_organization_id_agent_id_occurred_at_e_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_of_agent ATTACH PARTITION public.audit_events_2027_03_organization_id_agent_id_occurred_at_e_idx;


--
-- Name: audit_events_2027_03_organization_id_occurred_at_event_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_newest ATTACH PARTITION public.audit_events_2027_03_organization_id_occurred_at_event_id_idx;


--
-- Name: audit_events_2027_03_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_pkey ATTACH PARTITION public.audit_events_2027_03_pkey;


--
-- Name: audit_events_default_organization_id_agent_id_occurred_at_e_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_of_agent ATTACH PARTITION public.audit_events_default_organization_id_agent_id_occurred_at_e_idx;


--
-- Name: audit_events_default_organization_id_occurred_at_event_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_newest ATTACH PARTITION public.audit_events_default_organization_id_occurred_at_event_id_idx;


--
-- Name: audit_events_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.audit_events_pkey ATTACH PARTITION public.audit_events_default_pkey;


--
-- Name: usage_counters_2026_12_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_counters_pkey ATTACH PARTITION public.usage_counters_2026_12_pkey;


--
-- Name: usage_counters_2027_01_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_counters_pkey ATTACH PARTITION public.usage_counters_2027_01_pkey;


--
-- Name: usage_counters_2027_02_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_counters_pkey ATTACH PARTITION public.usage_counters_2027_02_pkey;


--
-- Name: usage_counters_2027_03_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_counters_pkey ATTACH PARTITION public.usage_counters_2027_03_pkey;


--
-- Name: usage_counters_default_pkey; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.usage_counters_pkey ATTACH PARTITION public.usage_counters_default_pkey;


--
-- Name: audit_checkpoints audit_checkpoints_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_checkpoints_append_only BEFORE DELETE OR UPDATE ON public.audit_checkpoints FOR EACH ROW EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_checkpoints audit_checkpoints_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_checkpoints_no_truncate BEFORE TRUNCATE ON public.audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events audit_events_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_append_only BEFORE DELETE OR UPDATE ON public.audit_events FOR EACH ROW EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events audit_events_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events_2026_12 audit_events_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events_2026_12 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events_2027_01 audit_events_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events_2027_01 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events_2027_02 audit_events_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events_2027_02 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events_2027_03 audit_events_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events_2027_03 FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_events_default audit_events_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON public.audit_events_default FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_seals audit_seals_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_seals_append_only BEFORE DELETE OR UPDATE ON public.audit_seals FOR EACH ROW EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_seals audit_seals_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON public.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_tree audit_tree_append_only; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_tree_append_only BEFORE DELETE OR UPDATE ON public.audit_tree FOR EACH ROW EXECUTE FUNCTION public.refuse_change();


--
-- Name: audit_tree audit_tree_no_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER audit_tree_no_truncate BEFORE TRUNCATE ON public.audit_tree FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();


--
-- Name: agent_did_keys agent_did_keys_organization_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agent_did_keys
    ADD CONSTRAINT agent_did_keys_organization_id_agent_id_fkey FOREIGN KEY (organization_id, agent_id) REFERENCES public.agents(organization_id, id);


--
-- Name: agents agents_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: credential_expiry_notices credential_expiry_notices_credential_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.credential_expiry_notices
    ADD CONSTRAINT credential_expiry_notices_credential_id_fkey FOREIGN KEY (credential_id) REFERENCES public.credentials(id);


--
-- Name: credential_expiry_notices credential_expiry_notices_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.credential_expiry_notices
    ADD CONSTRAINT credential_expiry_notices_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: credentials credentials_organization_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_organization_id_agent_id_fkey FOREIGN KEY (organization_id, agent_id) REFERENCES public.agents(organization_id, id);


--
-- Name: delegations delegations_delegatee_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_delegatee_id_fkey FOREIGN KEY (delegatee_id) REFERENCES public.agents(id);


--
-- Name: delegations delegations_delegatee_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_delegatee_organization_id_fkey FOREIGN KEY (delegatee_organization_id) REFERENCES public.organizations(id);


--
-- Name: delegations delegations_delegator_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_delegator_id_fkey FOREIGN KEY (delegator_id) REFERENCES public.agents(id);


--
-- Name: delegations delegations_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: delegations delegations_subject_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.delegations
    ADD CONSTRAINT delegations_subject_id_fkey FOREIGN KEY (subject_id) REFERENCES public.agents(id);


--
-- Name: edge_usage edge_usage_organization_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.edge_usage
    ADD CONSTRAINT edge_usage_organization_id_agent_id_fkey FOREIGN KEY (organization_id, agent_id) REFERENCES public.agents(organization_id, id);


--
-- Name: federation_grants federation_grants_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.federation_grants
    ADD CONSTRAINT federation_grants_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: federation_partners federation_partners_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.federation_partners
    ADD CONSTRAINT federation_partners_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: idempotency_keys idempotency_keys_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: jobs jobs_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: organization_members organization_members_organization_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_members
    ADD CONSTRAINT organization_members_organization_id_agent_id_fkey FOREIGN KEY (organization_id, agent_id) REFERENCES public.agents(organization_id, id);


--
-- Name: organization_members organization_members_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.organization_members
    ADD CONSTRAINT organization_members_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: retired_did_keys retired_did_keys_organization_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.retired_did_keys
    ADD CONSTRAINT retired_did_keys_organization_id_agent_id_fkey FOREIGN KEY (organization_id, agent_id) REFERENCES public.agents(organization_id, id);


--
-- Name: revoked_tokens revoked_tokens_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.revoked_tokens
    ADD CONSTRAINT revoked_tokens_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: trust_policies trust_policies_organization_id_agent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trust_policies
    ADD CONSTRAINT trust_policies_organization_id_agent_id_fkey FOREIGN KEY (organization_id, agent_id) REFERENCES public.agents(organization_id, id);


--
-- Name: trust_policies trust_policies_organization_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.trust_policies
    ADD CONSTRAINT trust_policies_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(id);


--
-- Name: agent_did_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agent_did_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: agents; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.agents ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_events; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_events ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_events_2026_12; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_events_2026_12 ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_events_2027_01; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_events_2027_01 ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_events_2027_02; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_events_2027_02 ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_events_2027_03; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_events_2027_03 ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_events_default; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_events_default ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_seals; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.audit_seals ENABLE ROW LEVEL SECURITY;

--
-- Name: credential_expiry_notices; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.credential_expiry_notices ENABLE ROW LEVEL SECURITY;

--
-- Name: credentials; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.credentials ENABLE ROW LEVEL SECURITY;

--
-- Name: delegations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.delegations ENABLE ROW LEVEL SECURITY;

--
-- Name: edge_usage; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.edge_usage ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_did_keys everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.agent_did_keys TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: agents everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.agents TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: audit_events everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.audit_events TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: audit_events_default everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.audit_events_default TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: audit_seals everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.audit_seals TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: credential_expiry_notices everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.credential_expiry_notices TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: credentials everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.credentials TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: delegations everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.delegations TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: edge_usage everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.edge_usage TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: federation_grants everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.federation_grants TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: federation_partners everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.federation_partners TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: idempotency_keys everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.idempotency_keys TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: jobs everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.jobs TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: organization_members everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.organization_members TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: organizations everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.organizations TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: retired_did_keys everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.retired_did_keys TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: revoked_tokens everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.revoked_tokens TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: status_list_entries everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.status_list_entries TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: trust_policies everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.trust_policies TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: usage_counters everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.usage_counters TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: usage_counters_default everything; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY everything ON public.usage_counters_default TO agentidp_system USING (true) WITH CHECK (true);


--
-- Name: federation_grants; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.federation_grants ENABLE ROW LEVEL SECURITY;

--
-- Name: federation_partners; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.federation_partners ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: jobs; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;

--
-- Name: organization_members; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.organization_members ENABLE ROW LEVEL SECURITY;

--
-- Name: organizations; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.organizations ENABLE ROW LEVEL SECURITY;

--
-- Name: retired_did_keys; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.retired_did_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: revoked_tokens; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.revoked_tokens ENABLE ROW LEVEL SECURITY;

--
-- Name: status_list_entries; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.status_list_entries ENABLE ROW LEVEL SECURITY;

--
-- Name: agent_did_keys tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agent_did_keys TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: agents tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.agents TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: audit_events tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.audit_events TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: audit_events_default tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.audit_events_default TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: audit_seals tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.audit_seals TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: credential_expiry_notices tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.credential_expiry_notices TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: credentials tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.credentials TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: delegations tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.delegations TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: edge_usage tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.edge_usage TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: federation_grants tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.federation_grants TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: federation_partners tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.federation_partners TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: idempotency_keys tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.idempotency_keys TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: jobs tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.jobs TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: organization_members tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.organization_members TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: organizations tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.organizations TO agentidp_app USING ((id = public.current_organization())) WITH CHECK ((id = public.current_organization()));


--
-- Name: retired_did_keys tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.retired_did_keys TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: revoked_tokens tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.revoked_tokens TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: status_list_entries tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.status_list_entries TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: trust_policies tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.trust_policies TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: usage_counters tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.usage_counters TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: usage_counters_default tenant; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY tenant ON public.usage_counters_default TO agentidp_app USING ((organization_id = public.current_organization())) WITH CHECK ((organization_id = public.current_organization()));


--
-- Name: trust_policies; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.trust_policies ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_counters; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_counters ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_counters_2026_12; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_counters_2026_12 ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_counters_2027_01; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_counters_2027_01 ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_counters_2027_02; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_counters_2027_02 ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_counters_2027_03; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_counters_2027_03 ENABLE ROW LEVEL SECURITY;

--
-- Name: usage_counters_default; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.usage_counters_default ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO agentidp_app;
GRANT USAGE ON SCHEMA public TO agentidp_system;


--
-- Name: FUNCTION archive_audit_month(before date, to_tablespace text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.archive_audit_month(before date, to_tablespace text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.archive_audit_month(before date, to_tablespace text) TO agentidp_system;


--
-- Name: FUNCTION ensure_partitions(first_month date, months integer); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.ensure_partitions(first_month date, months integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_partitions(first_month date, months integer) TO agentidp_system;


--
-- Name: FUNCTION refuse_truncate(partition regclass); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.refuse_truncate(partition regclass) FROM PUBLIC;


--
-- Name: TABLE agent_did_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.agent_did_keys TO agentidp_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.agent_did_keys TO agentidp_system;


--
-- Name: TABLE agents; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.agents TO agentidp_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.agents TO agentidp_system;


--
-- Name: TABLE audit_carried; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.audit_carried TO agentidp_system;


--
-- Name: TABLE audit_checkpoints; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_checkpoints TO agentidp_system;


--
-- Name: TABLE audit_events; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_events TO agentidp_app;
GRANT SELECT,INSERT ON TABLE public.audit_events TO agentidp_system;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.audit_seals TO agentidp_app;
GRANT SELECT,INSERT ON TABLE public.audit_seals TO agentidp_system;


--
-- Name: TABLE audit_tree; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.audit_tree TO agentidp_system;


--
-- Name: TABLE audit_unsealed; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT ON TABLE public.audit_unsealed TO agentidp_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.audit_unsealed TO agentidp_system;


--
-- Name: TABLE compliance_results; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.compliance_results TO agentidp_system;


--
-- Name: TABLE credential_expiry_notices; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.credential_expiry_notices TO agentidp_app;
GRANT SELECT,INSERT ON TABLE public.credential_expiry_notices TO agentidp_system;


--
-- Name: TABLE credentials; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.credentials TO agentidp_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.credentials TO agentidp_system;


--
-- Name: TABLE delegations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.delegations TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.delegations TO agentidp_system;


--
-- Name: TABLE document_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.document_keys TO agentidp_system;


--
-- Name: TABLE edge_feed; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.edge_feed TO agentidp_system;


--
-- Name: TABLE edge_feed_pending; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.edge_feed_pending TO agentidp_system;
GRANT INSERT ON TABLE public.edge_feed_pending TO agentidp_app;


--
-- Name: TABLE edge_nodes; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.edge_nodes TO agentidp_system;


--
-- Name: TABLE edge_usage; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.edge_usage TO agentidp_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.edge_usage TO agentidp_system;


--
-- Name: TABLE edge_usage_batches; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.edge_usage_batches TO agentidp_system;


--
-- Name: TABLE federation_grants; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.federation_grants TO agentidp_app;
GRANT SELECT,DELETE,UPDATE ON TABLE public.federation_grants TO agentidp_system;


--
-- Name: TABLE federation_partners; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.federation_partners TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.federation_partners TO agentidp_system;


--
-- Name: TABLE idempotency_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO agentidp_system;


--
-- Name: TABLE instance; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.instance TO agentidp_app;
GRANT SELECT ON TABLE public.instance TO agentidp_system;


--
-- Name: COLUMN instance.signing_algorithm; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(signing_algorithm) ON TABLE public.instance TO agentidp_system;


--
-- Name: COLUMN instance.signing_algorithm_before; Type: ACL; Schema: public; Owner: -
--

GRANT UPDATE(signing_algorithm_before) ON TABLE public.instance TO agentidp_system;


--
-- Name: TABLE job_schedules; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.job_schedules TO agentidp_system;


--
-- Name: TABLE jobs; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.jobs TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.jobs TO agentidp_system;


--
-- Name: COLUMN jobs.id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(id) ON TABLE public.jobs TO agentidp_app;


--
-- Name: COLUMN jobs.organization_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(organization_id) ON TABLE public.jobs TO agentidp_app;


--
-- Name: COLUMN jobs.kind; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(kind) ON TABLE public.jobs TO agentidp_app;


--
-- Name: COLUMN jobs.payload; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(payload) ON TABLE public.jobs TO agentidp_app;


--
-- Name: COLUMN jobs.dedup_key; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(dedup_key) ON TABLE public.jobs TO agentidp_app;


--
-- Name: COLUMN jobs.due_at; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(due_at) ON TABLE public.jobs TO agentidp_app;


--
-- Name: COLUMN jobs.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(created_at) ON TABLE public.jobs TO agentidp_app;


--
-- Name: TABLE keystore; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.keystore TO agentidp_system;


--
-- Name: TABLE login_throttle; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login_throttle TO agentidp_system;


--
-- Name: TABLE organization_members; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.organization_members TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.organization_members TO agentidp_system;


--
-- Name: TABLE organizations; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.organizations TO agentidp_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.organizations TO agentidp_system;


--
-- Name: TABLE retired_did_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retired_did_keys TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retired_did_keys TO agentidp_system;


--
-- Name: TABLE revoked_tokens; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.revoked_tokens TO agentidp_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.revoked_tokens TO agentidp_system;


--
-- Name: TABLE signing_keys; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.signing_keys TO agentidp_system;


--
-- Name: TABLE status_list_entries; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT ON TABLE public.status_list_entries TO agentidp_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.status_list_entries TO agentidp_system;


--
-- Name: TABLE trust_policies; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.trust_policies TO agentidp_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.trust_policies TO agentidp_system;


--
-- Name: TABLE usage_counters; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.usage_counters TO agentidp_app;
GRANT SELECT,INSERT,UPDATE ON TABLE public.usage_counters TO agentidp_system;


--
-- Name: TABLE used_assertions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE public.used_assertions TO agentidp_system;


--
-- Name: TABLE used_outside_tokens; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT ON TABLE public.used_outside_tokens TO agentidp_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.used_outside_tokens TO agentidp_system;


--
-- PostgreSQL database dump complete
--


