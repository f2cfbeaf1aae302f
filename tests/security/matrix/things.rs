//! What an organization has that another may want, and a look at all of its rows.

use std::sync::Arc;

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::decode_base64url;
use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Agent, Answer, OidcIssuer, Tenant, now, unique};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::two_tenants::NOBODY;

/// One of each, all of one organization.
#[derive(Debug, Clone)]
pub struct Things {
    pub organization: String,
    pub slug: String,
    pub agent: String,
    pub email: String,
    pub credential: String,
    pub event: String,
    pub policy: String,
    pub partner: String,
    pub grant: String,
    /// A protected API that serves this organization alone.
    pub resource: String,
    /// For whom a grant is: the organization. Of nobody another each time, because there is one grant for each.
    pub grantee: String,
    /// Of the partner.
    pub issuer: Arc<OidcIssuer>,
    /// A token of the partner's for the organization.
    pub partner_token: String,
    pub token: String,
    /// Text that is in the agent's data only.
    pub mark: String,
    pub secret: String,
    /// The id of a delegation to the agent, and its token.
    pub delegation: String,
    pub delegation_token: String,
}

impl Things {
    /// Fresh ones, so that whatever becomes of them spoils nothing.
    pub async fn make(platform: &Tenant, tenant: &Tenant) -> Self {
        let mark = format!("mark{}", unique());
        let mut body = new_agent();
        body["owner"] = json!(mark);
        body["name"] = json!(format!("name-{mark}"));
        body["email"] = json!(format!("{mark}@tests.example"));
        body["scopes"] = json!(["openid", "agents:read", "tokens:read"]);
        let Agent { id, email, credential_id, secret } = tenant.create_agent_as(&body).await;
        let token = tenant.api.anonymous().token(&id, &secret, None).await.expect(200).text("access_token");
        let body = json!({"delegateeId": id, "scopes": ["agents:read"], "ttlSeconds": 3_600});
        let delegation = tenant.api.post("/oauth2/token/delegate", &body).await.expect(201);
        let events = tenant.api.get(&format!("/api/v1/audit?limit=1&agentId={id}")).await.expect(200).json();
        let policy = json!({"provider": "github", "repository": format!("octo-org/{mark}"), "agentId": id});
        let policy =
            tenant.api.post("/api/v1/oidc/trust-policies", &policy).await.expect(201).text("policyId");
        let issuer = Arc::new(OidcIssuer::start(Algorithm::ES256).await);
        let partner = tenant.api.post("/api/v1/federation/partners", &issuer.as_partner(&mark)).await;
        let grant = json!({"granteeId": id, "scopes": ["agents:read"]});
        let grant = tenant.api.post("/api/v1/federation/grants", &grant).await;
        let served = json!([tenant.organization_id]);
        let resource = platform.create_resource(&format!("https://{mark}.example"), &[], &served).await;
        let audience = format!("{}/organizations/{}", tenant.api.base(), tenant.organization_id);
        let partner_token = issuer.sign(&json!({
            "iss": issuer.url(), "aud": audience, "sub": "x", "organization_id": mark, "iat": now(), "exp": now() + 3_600,
        }));
        Self {
            partner: partner.expect(201).text("partnerId"),
            grant: grant.expect(201).text("grantId"),
            resource,
            issuer,
            partner_token,
            policy,
            organization: tenant.organization_id.clone(),
            grantee: tenant.organization_id.clone(),
            slug: tenant.slug.clone(),
            event: events["data"][0]["eventId"].as_str().unwrap().to_owned(),
            agent: id,
            email,
            credential: credential_id,
            token,
            mark,
            secret,
            delegation: delegation.text("chainId"),
            delegation_token: delegation.text("delegationToken"),
        }
    }

    /// What nobody has.
    pub async fn nobodys() -> Self {
        let id = || NOBODY.to_owned();
        let mark = format!("none{}", unique());
        Self {
            organization: id(),
            grantee: format!("0198c5a4-0000-7000-8000-{}", unique()),
            slug: format!("org-{}", unique()),
            agent: id(),
            email: format!("{mark}@tests.example"),
            credential: id(),
            event: id(),
            policy: id(),
            partner: id(),
            grant: id(),
            resource: id(),
            issuer: Arc::new(OidcIssuer::start(Algorithm::ES256).await),
            partner_token: "nothing".into(),
            token: "nothing".into(),
            mark,
            secret: "nothing".into(),
            delegation: id(),
            delegation_token: "nothing".into(),
        }
    }

    /// All that an answer could show of them.
    pub fn all(&self) -> [&String; 15] {
        [
            &self.token,
            &self.secret,
            &self.email,
            &self.organization,
            &self.slug,
            &self.agent,
            &self.credential,
            &self.event,
            &self.policy,
            &self.partner,
            &self.grant,
            &self.resource,
            &self.mark,
            &self.delegation,
            &self.delegation_token,
        ]
    }

    /// What the answer shows of them that was not in the question.
    pub fn shown_in(&self, answer: &Answer, question: &str) -> Option<String> {
        let mut text = format!("{:?} {}", answer.headers, answer.body);
        // Of a signed document also what is in it.
        for part in answer.body.split(['.', '"']) {
            if let Ok(decoded) = decode_base64url(part) {
                text.push_str(&String::from_utf8_lossy(&decoded));
            }
        }
        let shown = self.all().into_iter().find(|text_of_mine| {
            !question.contains(text_of_mine.as_str()) && text.contains(text_of_mine.as_str())
        });
        shown.cloned()
    }
}

/// A digest of every row of an organization, and of what the feed says of it. Events are sealed in the background, so of their seals and
/// of what waits for one it is only said whether each event has one of the two, and nothing else has.
#[derive(Debug)]
pub struct Rows {
    query: String,
}

/// How many of an organization's events have no seal and do not wait for one, and what is sealed or waits that is no event of its own.
const UNSOUND_SEALS: &str = "select 'unsound seals ' || count(*) as line from (
    select organization_id, occurred_at, event_id from audit_events where organization_id = $1) events
  full join (
    select organization_id, occurred_at, event_id from audit_seals where organization_id = $1
    union all select organization_id, occurred_at, event_id from audit_unsealed where organization_id = $1) sealing
  using (organization_id, occurred_at, event_id)
  where events.event_id is null or sealing.event_id is null";

impl Rows {
    pub async fn of_tenants(connection: &mut PgConnection) -> Self {
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
               and not relispartition and relname not in ('audit_seals', 'audit_unsealed', 'edge_feed_pending')
               and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'organization_id'
                 and not attisdropped)",
        )
        .fetch_all(connection)
        .await
        .unwrap();
        assert!(tables.len() > 8, "{tables:?}");
        let digest = |table: &str, condition: &str| {
            format!(
                "select '{table} ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as line from {table} t where {condition}"
            )
        };
        let mut parts: Vec<String> =
            tables.iter().map(|table| digest(table, "organization_id = $1")).collect();
        parts.push(digest("organizations", "id = $1"));
        parts.push(UNSOUND_SEALS.to_owned());
        // The feed names agents and organizations in its changes. They are numbered in the background, so both tables are one here.
        parts.push(digest(
            "(select change::text from edge_feed union all select change::text from edge_feed_pending)",
            "t::text like '%' || $1::text || '%' or exists (select from agents
               where organization_id = $1 and t::text like '%' || agents.id::text || '%')",
        ));
        Self {
            query: format!("select array_agg(line order by line) from ({}) parts", parts.join(" union all ")),
        }
    }

    pub async fn of(&self, connection: &mut PgConnection, organization: &str) -> Vec<String> {
        let organization: uuid::Uuid = organization.parse().unwrap();
        sqlx::query_scalar(AssertSqlSafe(self.query.clone()))
            .bind(organization)
            .fetch_one(connection)
            .await
            .unwrap()
    }
}

/// The part of an answer that could tell someone else's from nobody's: all of it, without what differs from request to request, and
/// with what was asked for made equal.
pub fn shape(answer: &Answer, things: &Things) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !name.as_str().contains("ratelimit"))
        .map(|(name, value)| match name.as_str() {
            // The question's length is in its answer's, where that repeats it.
            // How old what the edge knows is, is the same for everyone and another with each moment.
            "date" | "x-request-id" | "content-length" | "x-state-age" | "x-state-seq" => {
                format!("{name}: …")
            }
            _ => format!("{name}: {}", value.to_str().unwrap_or_default()),
        })
        .collect();
    headers.sort();
    let mut text = format!("{} {} {}", answer.status, headers.join("; "), answer.body);
    for thing in things.all() {
        text = text.replace(thing.as_str(), "…");
    }
    text
}

/// The same of an answer that shows what was made: its status and the names of its headers and members.
pub fn outline(answer: &Answer) -> String {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    if let Ok(Value::Object(body)) = serde_json::from_str(&answer.body) {
        names.extend(body.keys().cloned());
        names.extend(body.get("code").map(ToString::to_string));
    }
    names.sort();
    format!("{} {}", answer.status, names.join(", "))
}
