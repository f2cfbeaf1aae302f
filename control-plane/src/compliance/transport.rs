//! CC6.7: what leaves the machine is encrypted: tokens on the way to their issuer's address, and everything on the way to the
//! database.

use std::net::IpAddr;

use super::model::Finding;
use crate::app::App;
use crate::infra::db::Transport;

pub(super) async fn check(app: &App) -> Result<Finding, sqlx::Error> {
    Ok(judge(&app.config.issuer, app.db.transport().await?))
}

fn judge(issuer: &str, database: Transport) -> Finding {
    let mut problems = vec![];
    let is_secure = issuer.starts_with("https://");
    if !is_secure && !is_loopback(issuer) {
        problems.push("the issuer's address is not https".to_owned());
    }
    if database == Transport::Clear {
        problems.push("the connections to the database are not encrypted".to_owned());
    }
    if problems.is_empty() && !is_secure {
        return Finding::unknown("the issuer is on loopback, for development: nobody else can reach it");
    }
    Finding::of(&problems, "the issuer is https, and the database is reached by TLS or on this machine")
}

fn is_loopback(issuer: &str) -> bool {
    let uri: Option<http::Uri> = issuer.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_in_the_clear_fails_and_loopback_tells_nothing() {
        let passing = |issuer, database| judge(issuer, database).passing;
        assert_eq!(passing("https://id.example", Transport::Encrypted), Some(true));
        assert_eq!(passing("https://id.example", Transport::Local), Some(true));
        assert_eq!(passing("https://id.example", Transport::Clear), Some(false));
        assert_eq!(passing("http://id.example", Transport::Encrypted), Some(false));
        for local in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080"] {
            assert_eq!(passing(local, Transport::Local), None, "{local}");
            assert_eq!(passing(local, Transport::Clear), Some(false), "{local}");
        }
        assert_eq!(passing("http://127.0.0.1.example", Transport::Local), Some(false));
    }
}
