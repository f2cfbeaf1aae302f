//! Attacks on grants, one row each, with a twin that is accepted.

use agentidp_tests::attack::Section;
use serde_json::json;

use super::{API, GRANTS, Scene, grant};
use crate::delegation::attack::outcome;
use crate::delegation::{exchange, id_of};
use crate::support::Answer;

#[tokio::test]
async fn grant_attacks_none_is_accepted_and_each_twin_is() {
    let scene = Scene::set().await;
    let (home, other, one, two) = (&scene.home, &scene.other, &scene.one, &scene.two);
    let third = scene.platform.create_organization("enterprise").await;
    let stranger = third.create_agent(&["agents:read"]).await;
    let mut section = Section::new("grants");
    let mut add = |attack: &str, expected: &'static str, observed: &Answer, twin: &Answer| {
        section.row(attack, expected, outcome(observed), outcome(twin));
    };
    let good = scene.ask(&scene.root, one, &["agents:read"]).await;

    add(
        "to an organization without any grant",
        "AGENT_NOT_FOUND",
        &scene.ask(&scene.root, &stranger, &["agents:read"]).await,
        &good,
    );
    let one_sided = grant(home, &third, &["agents:read"]).await;
    let observed = scene.ask(&scene.root, &stranger, &["agents:read"]).await;
    let answer = grant(&third, home, &[]).await;
    let answered = scene.ask(&scene.root, &stranger, &["agents:read"]).await;
    add("by a grant that is not answered", "AGENT_NOT_FOUND", &observed, &answered);
    home.api.delete(&format!("{GRANTS}/{one_sided}")).await.expect(204);
    let observed = scene.ask(&scene.root, &stranger, &["agents:read"]).await;
    add("by the other's grant alone", "AGENT_NOT_FOUND", &observed, &answered);
    third.api.delete(&format!("{GRANTS}/{answer}")).await.expect(204);
    add(
        "a scope that was not granted",
        "NOT_GRANTED",
        &scene.ask(&scene.root, one, &["tokens:read"]).await,
        &good,
    );
    let observed = scene.ask(&scene.root, one, &["agents:read", "tokens:read"]).await;
    add("a scope that was not granted beside one that was", "NOT_GRANTED", &observed, &good);
    add(
        "a scope that was granted and is not held",
        "SCOPE_NOT_HELD",
        &scene.ask(&scene.token, two, &["audit:read"]).await,
        &scene.ask(&scene.token, two, &["agents:read"]).await,
    );
    let of_one = one.token(&other.api).await;
    let home_agent = home.create_agent(&["agents:read"]).await;
    let observed = scene.ask(&of_one, &home_agent, &["agents:read"]).await;
    add("back, by a grant of no scopes", "NOT_GRANTED", &observed, &good);
    add(
        "on to a third organization",
        "AGENT_NOT_FOUND",
        &scene.ask(&scene.token, &stranger, &["agents:read"]).await,
        &scene.ask(&scene.token, two, &["agents:read"]).await,
    );

    let exchanged = exchange(&home.api, one, &scene.token, &[]).await;
    add(
        "exchanged by another agent of the other organization",
        "invalid_request",
        &exchange(&home.api, two, &scene.token, &[]).await,
        &exchanged,
    );
    add(
        "exchanged by an agent of the subject's organization",
        "invalid_request",
        &exchange(&home.api, &home_agent, &scene.token, &[]).await,
        &exchanged,
    );
    add(
        "exchanged by an agent of a third",
        "invalid_request",
        &exchange(&home.api, &stranger, &scene.token, &[]).await,
        &exchanged,
    );
    // Both may have one API, and each another one besides: neither can lend that to the other.
    let apis = ["https://home.example.com", "https://other.example.com"];
    let both = [home, other].map(|organization| organization.organization_id.clone());
    for (api, organization) in apis.iter().zip(&both) {
        scene.platform.create_resource(api, &[], &json!([organization])).await;
    }
    let twin = exchange(&home.api, one, &scene.token, &[("resource", API)]).await;
    for (api, whose) in apis.iter().zip(["subject's", "holder's"]) {
        let observed = exchange(&home.api, one, &scene.token, &[("resource", *api)]).await;
        add(
            &format!("for an API that the {whose} organization alone may have"),
            "invalid_target",
            &observed,
            &twin,
        );
    }

    // What a holder abroad may not do.
    let abroad = home.api.with_token(&scene.token);
    let grants = json!({"granteeId": third.organization_id, "scopes": []});
    let twin = home.api.post(GRANTS, &grants).await;
    add(
        "a grant made with what was passed on",
        "INSUFFICIENT_SCOPE",
        &abroad.post(GRANTS, &grants).await,
        &twin,
    );
    let chain = format!("/oauth2/token/delegate/{}", id_of(&scene.token));
    let twin = scene.ask(&scene.token, two, &["agents:read"]).await;
    add("taken back by whom it was given to", "NOT_DELEGATOR", &abroad.delete(&chain).await, &twin);
    let more = json!({"granteeId": stranger.id, "scopes": ["unheard:of"]});
    let twin = home.api.post(GRANTS, &json!({"granteeId": stranger.id, "scopes": ["audit:read"]})).await;
    add(
        "a grant of what the caller does not hold",
        "SCOPE_NOT_HELD",
        &home.api.post(GRANTS, &more).await,
        &twin,
    );
    let mine = other.api.get(GRANTS).await;
    add(
        "another's grant read",
        "GRANT_NOT_FOUND",
        &other.api.get(&format!("{GRANTS}/{}", scene.grants[0])).await,
        &mine,
    );
    add(
        "another's grant deleted",
        "GRANT_NOT_FOUND",
        &other.api.delete(&format!("{GRANTS}/{}", scene.grants[0])).await,
        &mine,
    );

    other.api.patch(&two.path(), &json!({"status": "suspended"})).await.expect(200);
    add(
        "to a suspended agent",
        "AGENT_NOT_ACTIVE",
        &scene.ask(&scene.root, two, &["agents:read"]).await,
        &good,
    );
    other.api.delete(&format!("{GRANTS}/{}", scene.grants[1])).await.expect(204);
    add(
        "after the other took its grant back",
        "AGENT_NOT_FOUND",
        &scene.ask(&scene.root, one, &["agents:read"]).await,
        &good,
    );
    let observed = exchange(&home.api, one, &scene.token, &[]).await;
    add("exchanged after the other took its grant back", "invalid_request", &observed, &exchanged);
    section.finish(20);
}
