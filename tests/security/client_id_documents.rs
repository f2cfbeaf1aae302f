//! Client ID Metadata Documents, which are not offered (decision 32): a client that names itself by a URL is nobody, and the URL is
//! not asked.

use agentidp_shared::jwk::Algorithm;
use agentidp_tests::{ClientKey, ControlPlane, OidcIssuer, api, client_key, now};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

#[tokio::test]
async fn server_side_request_forgery_attack_a_client_id_that_is_a_url_is_refused_and_not_fetched() {
    let host = OidcIssuer::start(Algorithm::ES256).await;
    let control_plane = ControlPlane::start();
    let platform = control_plane.platform().await;
    let asking = platform.api.anonymous();
    let metadata = asking.get("/.well-known/oauth-authorization-server").await.expect(200).json();
    assert_eq!(metadata.get("client_id_metadata_document_supported"), None);

    let url = format!("{}/client.json", host.url());
    let key = ClientKey::generate(Algorithm::ES256);
    let assertion = key.assertion(&url, control_plane.issuer(), now());
    let [kind, assertion] = client_key::parameters(&assertion);
    let (id, secret, token) = (("client_id", url.as_str()), ("client_secret", "x"), ("token", "x"));
    let grant = ("grant_type", "client_credentials");
    let exchange = [("grant_type", EXCHANGE), ("subject_token", "x"), ("subject_token_type", JWT)];
    for (endpoint, form) in [
        ("/oauth2/token", vec![grant, id]),
        ("/oauth2/token", vec![grant, id, secret]),
        ("/oauth2/token", vec![grant, id, kind, assertion]),
        ("/oauth2/token", vec![grant, kind, assertion]),
        ("/oauth2/token", [&exchange[..], &[id]].concat()),
        ("/oauth2/introspect", vec![token, id, secret]),
        ("/oauth2/revoke", vec![token, id, kind, assertion]),
    ] {
        let refused = asking.form(endpoint, &form).await.expect(401);
        assert_eq!(refused.error(), "invalid_client", "{endpoint} {form:?}");
    }
    let by_header = asking.with_basic(&api::encode(&url), "x").form("/oauth2/token", &[grant]).await;
    assert_eq!(by_header.expect(401).error(), "invalid_client");
    let browser = format!("/oauth2/authorize?response_type=code&client_id={}", api::encode(&url));
    asking.get(&browser).await.expect(400);
    assert_eq!(host.requests(), 0);

    // It could have been: whom an administrator names is asked.
    let partner = host.as_partner(&platform.organization_id);
    platform.api.post("/api/v1/federation/partners", &partner).await.expect(201);
    assert!(host.requests() > 0);
}
