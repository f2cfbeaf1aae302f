//! Cards as JSON. No member is empty, so that every way of leaving out what is default gives the same text to sign.

use agentidp_shared::did;
use agentidp_shared::ids::{AgentId, OrganizationId};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The version of A2A that cards are written for.
const A2A_VERSION: &str = "1.0";
/// The version of the OASF schema that records are written for.
const OASF_VERSION: &str = "1.0.0";
/// Names the A2A extension that carries an agent's DID.
const DID_EXTENSION: &str = "https://www.w3.org/TR/did-1.0/";

/// The agent that cards are about.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub agent: AgentId,
    pub did: String,
    pub organization: Publisher,
    pub agent_type: String,
    pub version: String,
    pub capabilities: Vec<String>,
    pub deployment_env: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub a2a_url: Option<String>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    /// Public, active, and in an active organization.
    pub is_shown: bool,
    pub is_decommissioned: bool,
}

/// The organization that an agent belongs to. Its id and slug are the instance's; its name may be the organization's own word.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    /// Whether the platform set or confirmed the name.
    pub name_confirmed: bool,
}

impl Publisher {
    /// The name as one text, with the slug that nobody chooses for itself, and with whose word the name is.
    fn display(&self) -> String {
        let Self { slug, name, .. } = self;
        if self.name_confirmed {
            format!("{name} ({slug})")
        } else {
            format!("{name} (self-asserted by {slug})")
        }
    }

    fn assurance(&self) -> &'static str {
        if self.name_confirmed { "confirmed" } else { "self-asserted" }
    }
}

impl Subject {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} {}", self.agent_type, self.agent))
    }

    fn description(&self) -> String {
        let plain =
            || format!("An agent of the type {} of {}.", self.agent_type, self.organization.display());
        self.description.clone().unwrap_or_else(plain)
    }

    /// What the agent can do, each as name and tags; its type, if nothing else is said.
    fn skills(&self) -> Vec<(String, Vec<&str>)> {
        if self.capabilities.is_empty() {
            return vec![(self.agent_type.clone(), vec![&self.agent_type])];
        }
        self.capabilities.iter().map(|capability| (capability.clone(), tags(capability))).collect()
    }

    /// The A2A agent card without its signatures (A2A 1.0 §4.4.1).
    pub fn a2a_card(&self, issuer: &str) -> Value {
        let base = issuer.trim_end_matches('/');
        let mut interfaces = Vec::new();
        if let Some(url) = &self.a2a_url {
            interfaces
                .push(json!({ "url": url, "protocolBinding": "JSONRPC", "protocolVersion": A2A_VERSION }));
        }
        // Never none: a card must name one, and this one is there for every agent.
        interfaces.push(json!({
            "url": format!("{base}/agents/{}/did.json", self.agent),
            "protocolBinding": DID_EXTENSION,
            "protocolVersion": A2A_VERSION,
        }));
        let skills: Vec<Value> = self
            .skills()
            .into_iter()
            .map(|(name, tags)| json!({ "id": name, "name": name, "description": format!("The agent can do {name}."), "tags": tags }))
            .collect();
        json!({
            "name": self.name(),
            "description": self.description(),
            "version": self.version,
            "supportedInterfaces": interfaces,
            "provider": { "organization": self.organization.display(), "url": base },
            "capabilities": {
                "extensions": [{
                    "uri": DID_EXTENSION,
                    "description": "The decentralized identifier of the agent, and the organization that it belongs to.",
                    "params": {
                        "did": self.did,
                        "organization": {
                            "id": self.organization.id,
                            "slug": self.organization.slug,
                            "name": self.organization.name,
                            "nameAssurance": self.organization.assurance(),
                        },
                    },
                }],
            },
            "defaultInputModes": ["application/json", "text/plain"],
            "defaultOutputModes": ["application/json", "text/plain"],
            "skills": skills,
        })
    }

    /// The AGNTCY agent card.
    pub fn agntcy_card(&self, issuer: &str) -> Value {
        let base = issuer.trim_end_matches('/');
        let agent = self.agent;
        json!({
            "did": self.did,
            "agentId": agent,
            "name": self.name(),
            "description": self.description(),
            "agentType": self.agent_type,
            "version": self.version,
            "capabilities": self.capabilities,
            "deploymentEnv": self.deployment_env,
            "organization": self.organization.display(),
            "organizationId": self.organization.id,
            "organizationSlug": self.organization.slug,
            "organizationName": self.organization.name,
            "organizationNameAssurance": self.organization.assurance(),
            "identityProvider": issuer,
            "createdAt": instant(self.created_at),
            "updatedAt": instant(self.updated_at),
            "links": {
                "didDocument": format!("{base}/agents/{agent}/did.json"),
                "a2aCard": format!("{base}/agents/{agent}/agent-card.json"),
                "oasfRecord": format!("{base}/agents/{agent}/oasf.json"),
                "badge": format!("{base}/agents/{agent}/badge.jwt"),
            },
        })
    }

    /// The OASF record. Its skills are the agent's capabilities under their own names, not those of OASF's taxonomy.
    pub fn oasf_record(&self) -> Value {
        let skills: Vec<Value> = self.skills().into_iter().map(|(name, _)| json!({ "name": name })).collect();
        json!({
            "name": self.name(),
            "version": self.version,
            "schema_version": OASF_VERSION,
            "description": self.description(),
            "authors": [self.organization.display()],
            "created_at": instant(self.created_at),
            "skills": skills,
            "annotations": {
                "did": self.did,
                "agent_type": self.agent_type,
                "deployment_env": self.deployment_env,
                "organization_id": self.organization.id,
                "organization_slug": self.organization.slug,
                "organization_name": self.organization.name,
                "organization_name_assurance": self.organization.assurance(),
            },
        })
    }
}

fn tags(capability: &str) -> Vec<&str> {
    capability.split(':').filter(|tag| *tag != "*").collect()
}

/// The A2A card of this instance without its signatures. It speaks no A2A: its interface is the API that its document describes.
pub(super) fn instance_card(issuer: &str) -> Value {
    let base = issuer.trim_end_matches('/');
    let skill = |id: &str, name: &str, description: &str, tags: &[&str]| json!({ "id": id, "name": name, "description": description, "tags": tags });
    json!({
        "name": "AgentIdP",
        "description": "Gives AI agents an identity: registers them, issues short-lived signed tokens, and takes them back.",
        "version": env!("CARGO_PKG_VERSION"),
        "supportedInterfaces": [{
            "url": base,
            "protocolBinding": "https://spec.openapis.org/oas/v3.1.0",
            "protocolVersion": A2A_VERSION,
        }],
        "documentationUrl": format!("{base}/openapi.json"),
        "capabilities": {
            "extensions": [{
                "uri": DID_EXTENSION,
                "description": "The decentralized identifier of this identity provider.",
                "params": { "did": did::instance_did(issuer) },
            }],
        },
        "securitySchemes": {
            "agentidp": {
                "openIdConnectSecurityScheme": {
                    "openIdConnectUrl": format!("{base}/.well-known/openid-configuration"),
                },
            },
        },
        "defaultInputModes": ["application/json", "application/x-www-form-urlencoded"],
        "defaultOutputModes": ["application/json"],
        "skills": [
            skill("agents", "Register agents", "Registers agents and manages their lives.", &["identity", "agents"]),
            skill("tokens", "Issue tokens", "Issues, introspects and revokes access tokens.", &["oauth2", "tokens"]),
            skill("dids", "Resolve identities", "Publishes DID documents, cards and badges of agents.", &["did", "a2a"]),
        ],
    })
}

fn instant(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use time::macros::datetime;

    use super::*;

    pub fn subject() -> Subject {
        let agent = "0198c5a4-0000-7000-8000-00000000000a".parse().unwrap();
        Subject {
            agent,
            did: did::agent_did("https://id.example", agent),
            organization: Publisher {
                id: OrganizationId::new(uuid::Uuid::nil()),
                slug: "example-org".into(),
                name: "Example".into(),
                name_confirmed: true,
            },
            agent_type: "custom".into(),
            version: "1.2.3".into(),
            capabilities: vec!["report:read".into(), "ticket:*".into()],
            deployment_env: "production".into(),
            name: None,
            description: None,
            a2a_url: None,
            created_at: datetime!(2030-01-01 00:00 UTC),
            updated_at: datetime!(2030-01-02 00:00 UTC),
            is_shown: true,
            is_decommissioned: false,
        }
    }

    /// Whether anything in it would be left out by somebody who leaves out defaults.
    fn has_nothing_empty(value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(false) => false,
            Value::Bool(true) | Value::Number(_) => true,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty() && items.iter().all(has_nothing_empty),
            Value::Object(members) => !members.is_empty() && members.values().all(has_nothing_empty),
        }
    }

    #[test]
    fn a2a_cards_have_every_required_member_and_nothing_empty() {
        let bare = Subject { capabilities: vec![], ..subject() };
        let full = Subject { a2a_url: Some("https://agent.example/a2a".into()), ..subject() };
        for card in [
            bare.a2a_card("https://id.example"),
            full.a2a_card("https://id.example/"),
            instance_card("https://id.example"),
        ] {
            assert!(has_nothing_empty(&card), "{card:#}");
            for member in ["name", "description", "version"] {
                assert!(card[member].is_string(), "{member}");
            }
            for member in ["supportedInterfaces", "defaultInputModes", "defaultOutputModes", "skills"] {
                assert!(card[member].is_array(), "{member}");
            }
            assert!(card["capabilities"].is_object());
            for interface in card["supportedInterfaces"].as_array().unwrap() {
                assert!(
                    ["url", "protocolBinding", "protocolVersion"]
                        .iter()
                        .all(|member| interface[*member].is_string())
                );
            }
            for skill in card["skills"].as_array().unwrap() {
                assert!(["id", "name", "description"].iter().all(|member| skill[*member].is_string()));
                assert!(skill["tags"].is_array());
            }
        }
        assert_eq!(
            full.a2a_card("https://id.example")["supportedInterfaces"][0]["protocolBinding"],
            "JSONRPC"
        );
        assert_eq!(bare.a2a_card("https://id.example")["skills"][0]["id"], "custom");
        assert_eq!(subject().a2a_card("https://id.example")["skills"][1]["tags"], json!(["ticket"]));
    }

    #[test]
    fn an_oasf_record_has_every_required_member() {
        let record = subject().oasf_record();
        for member in ["name", "version", "schema_version", "description", "created_at"] {
            assert!(record[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
        }
        assert_eq!(record["authors"], json!(["Example (example-org)"]));
        assert_eq!(record["skills"], json!([{"name": "report:read"}, {"name": "ticket:*"}]));
    }

    #[test]
    fn false_name_attack_every_document_names_the_organization_as_the_instance_knows_it() {
        let mut false_one = subject();
        false_one.organization.name = "Big Bank (big-bank)".into();
        false_one.organization.name_confirmed = false;
        let shown = "Big Bank (big-bank) (self-asserted by example-org)";
        let (card, agntcy, record) = (
            false_one.a2a_card("https://id.example"),
            false_one.agntcy_card("https://id.example"),
            false_one.oasf_record(),
        );
        assert_eq!(record["authors"], json!([shown]));
        assert_eq!(card["provider"]["organization"], shown);
        assert_eq!(agntcy["organization"], shown);
        let params = &card["capabilities"]["extensions"][0]["params"]["organization"];
        for (id, slug, assurance) in [
            (&params["id"], &params["slug"], &params["nameAssurance"]),
            (&agntcy["organizationId"], &agntcy["organizationSlug"], &agntcy["organizationNameAssurance"]),
            (
                &record["annotations"]["organization_id"],
                &record["annotations"]["organization_slug"],
                &record["annotations"]["organization_name_assurance"],
            ),
        ] {
            assert_eq!(id, &json!(false_one.organization.id));
            assert_eq!((slug, assurance), (&json!("example-org"), &json!("self-asserted")));
        }
        for text in
            [card["description"].as_str(), agntcy["description"].as_str(), record["description"].as_str()]
        {
            assert!(text.unwrap().contains(shown), "{text:?}");
        }
    }
}
