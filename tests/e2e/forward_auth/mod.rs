//! Real proxies in front of an API that ask the edge, set up as `docs/forward-auth.md` says.

mod envoy;
mod nginx;

use std::fs;
use std::path::Path;
use std::time::Duration;

use agentidp_tests::origin::Origin;
use agentidp_tests::process::{Folder, Process, free_port};
use agentidp_tests::{Agent, Answer, Api, Stack, Tenant, environment, eventually};

const SOON: Duration = Duration::from_secs(2);

/// What the page calls the edge, the API and the API's audience.
const EDGE: &str = "https://id.example";
const API: &str = "http://127.0.0.1:3000";
const AUDIENCE: &str = "https://api.example";

/// The page's only block of that language with `mark` in it.
fn snippet(language: &str, mark: &str) -> String {
    let page = fs::read_to_string(environment::root().join("docs/forward-auth.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| block.contains(mark)).collect();
    assert_eq!(blocks.len(), 1, "{mark} in {language}");
    blocks[0].to_owned()
}

/// Replaces what must be there.
fn set(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the page has no {from}");
    text.replace(from, to)
}

/// An API behind a proxy, and an edge that the proxy asks.
struct Scene {
    proxy: Process,
    stack: Stack,
    tenant: Tenant,
    origin: Origin,
    /// At the proxy, without a token.
    api: Api,
    _folder: Folder,
}

impl Scene {
    /// `start` starts the proxy: at a port, before an API, asking an edge, in a folder of its own.
    async fn set(start: impl FnOnce(u16, &str, &str, &Path) -> Process) -> Self {
        let (stack, origin, folder, port) =
            (Stack::start().await, Origin::start().await, Folder::new(), free_port());
        let proxy = start(port, origin.url(), &stack.url(), folder.path());
        let api = Api::new(&format!("http://127.0.0.1:{port}"));
        eventually("the proxy listens", Duration::from_secs(20), async || {
            api.try_send(api.request("GET", "/")).await
        })
        .await;
        let tenant = stack.platform().await;
        Self { proxy, stack, tenant, origin, api, _folder: folder }
    }

    /// A new agent with these scopes, and its token for `audience`.
    async fn agent(&self, scopes: &[&str], audience: &str) -> (Agent, String) {
        let agent = self.tenant.create_agent(scopes).await;
        let parameters = [("grant_type", "client_credentials"), ("resource", audience)];
        let api = self.stack.api().with_basic(&agent.id, &agent.secret);
        let token = api.form("/oauth2/token", &parameters).await.expect(200).text("access_token");
        (agent, token)
    }

    /// Asks for something with everything that a client could claim to be.
    async fn ask(&self, method: &str, token: Option<&str>) -> Answer {
        let api = token.map_or_else(|| self.api.clone(), |token| self.api.with_token(token));
        let request = api
            .request(method, "/orders/1?scope=admin:orgs&x=1")
            .header("x-agent-id", "0198c5a4-0000-7000-8000-00000000000a")
            .header("x-agent-scopes", "admin:orgs agents:read")
            .header("x-agent-organization", "0198c5a4-0000-7000-8000-0000000000f0")
            .header("x_agent_id", "0198c5a4-0000-7000-8000-00000000000a");
        api.send(request).await
    }

    /// What the API hears of a good request by any method.
    async fn is_passed_on(&self, agent: &Agent, token: &str) {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let before = self.origin.heard().len();
            assert_eq!(self.ask(method, Some(token)).await.expect(200).body, "here");
            let heard = self.origin.heard();
            let [heard] = &heard[before..] else { panic!("{method} reached the API not just once") };
            assert_eq!(
                (heard.method.as_str(), heard.target.as_str()),
                (method, "/orders/1?scope=admin:orgs&x=1")
            );
            for (name, value) in [
                ("x-agent-id", agent.id.as_str()),
                ("x-agent-scopes", "agents:read"),
                ("x-agent-organization", &self.tenant.organization_id),
            ] {
                let values: Vec<_> = heard.headers.get_all(name).iter().collect();
                assert_eq!(values, [value], "{method}: {name}");
            }
            assert!(!heard.headers.contains_key("x_agent_id"), "{method}: another spelling");
        }
    }

    /// Revokes the token; the proxy must refuse it soon.
    async fn is_refused_once_revoked(&self, agent: &Agent, token: &str) {
        let api = self.stack.api().with_basic(&agent.id, &agent.secret);
        api.form("/oauth2/revoke", &[("token", token)]).await.expect(200);
        let refused = eventually("the revoked token is refused", SOON, async || {
            Some(self.ask("GET", Some(token)).await).filter(|answer| answer.is(401))
        })
        .await;
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.contains("the token was revoked"), "{challenge}");
    }

    /// Without its edge the proxy lets nobody through.
    async fn closes_without_its_edge(&mut self, token: &str, status: u16) {
        self.ask("GET", Some(token)).await.expect(200);
        self.stack.edge.stop();
        let before = self.origin.heard().len();
        for token in [Some(token), None] {
            self.ask("GET", token).await.expect(status);
        }
        assert_eq!(self.origin.heard().len(), before, "the API was reached");
        assert!(self.proxy.is_running());
    }
}
