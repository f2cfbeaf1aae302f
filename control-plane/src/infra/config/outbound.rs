//! Requests to URLs that tenants name, and whose word GitHub's is.

use super::Environment;
use super::reader::Reader;

const ALLOW_LOOPBACK: &str = "AGENTIDP_OUTBOUND_ALLOW_LOOPBACK";
const CA_FILE: &str = "AGENTIDP_OUTBOUND_CA_FILE";
const GITHUB_ISSUER: &str = "AGENTIDP_GITHUB_ISSUER";

#[derive(Debug, Clone, Default)]
pub struct OutboundConfig {
    /// For tests: this machine may be named, and any port of it.
    pub allow_loopback: bool,
    /// Certificates (PEM) that are trusted besides the machine's own.
    pub ca: Option<Vec<u8>>,
}

impl Reader {
    pub(super) fn outbound(&mut self, environment: Environment) -> OutboundConfig {
        let allow_loopback = self.parsed(ALLOW_LOOPBACK, "false", "true or false");
        if allow_loopback && environment == Environment::Production {
            self.problem(ALLOW_LOOPBACK, "is for tests and refused in production");
        }
        let ca = self.text(CA_FILE).and_then(|path| match std::fs::read(path) {
            Ok(pem) => Some(pem),
            Err(error) => {
                self.problem(CA_FILE, &format!("the file cannot be read: {error}"));
                None
            }
        });
        OutboundConfig { allow_loopback, ca }
    }

    /// The issuer of GitHub's tokens: an https URL without anything after its path.
    pub(super) fn github_issuer(&mut self) -> String {
        let issuer = self
            .text(GITHUB_ISSUER)
            .unwrap_or_else(|| "https://token.actions.githubusercontent.com".to_owned());
        let uri: Option<http::Uri> = issuer.parse().ok();
        let good = issuer.starts_with("https://")
            && !issuer.ends_with('/')
            && !issuer.contains(['?', '#', '@'])
            && uri.is_some_and(|uri| uri.authority().is_some());
        if !good {
            self.problem(
                GITHUB_ISSUER,
                "must be an https URL without user, query, fragment and trailing slash",
            );
        }
        issuer
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(environment: Environment, values: &[(&str, &str)]) -> Result<OutboundConfig, String> {
        let values: BTreeMap<_, _> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(values);
        let (outbound, _) = (reader.outbound(environment), reader.github_issuer());
        reader.finish(outbound).map_err(|error| error.to_string())
    }

    #[test]
    fn open_door_attack_production_has_no_way_to_this_machine() {
        use Environment::{Development, Production};
        assert!(!read(Production, &[]).unwrap().allow_loopback);
        assert!(read(Development, &[(ALLOW_LOOPBACK, "true")]).unwrap().allow_loopback);
        assert!(read(Production, &[(ALLOW_LOOPBACK, "true")]).is_err());
    }

    #[test]
    fn githubs_issuer_is_spelled_as_its_tokens_spell_it() {
        for issuer in
            ["https://ghes.example/_services/token", "https://token.actions.githubusercontent.com/octo"]
        {
            assert!(read(Environment::Production, &[(GITHUB_ISSUER, issuer)]).is_ok(), "{issuer}");
        }
        for issuer in [
            "http://ghes.example",
            "https://ghes.example/",
            "https://a@ghes.example",
            "https://ghes.example?x",
            "ghes",
        ] {
            assert!(read(Environment::Production, &[(GITHUB_ISSUER, issuer)]).is_err(), "{issuer}");
        }
    }
}
