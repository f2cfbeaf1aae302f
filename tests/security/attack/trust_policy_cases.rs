//! What a token of GitHub Actions can say that it must not: each case is one change to a token that is good.

use serde_json::{Value, json};

/// A change to the claims of a good token, and what the policy says besides the repository and the branch.
pub struct Case {
    pub name: String,
    /// Members of the policy.
    pub policy: Value,
    /// Changes that the good token has too.
    pub both: Value,
    /// What makes it an attack; `null` takes a claim away.
    pub attack: Value,
}

/// Claims of one kind: what the policy says, what a good token says, and the attacks by a claim.
fn cases(policy: &Value, both: &Value, claim: &str, attacks: &[(&str, Value)]) -> Vec<Case> {
    let case = |(name, value): &(&str, Value)| Case {
        name: format!("{claim}: {name}"),
        policy: policy.clone(),
        both: both.clone(),
        attack: json!({ claim: value }),
    };
    attacks.iter().map(case).collect()
}

/// Every way to be a wrong `claim` that is text.
fn not_text(policy: &Value, both: &Value, claim: &str) -> Vec<Case> {
    let attacks = [
        ("missing", Value::Null),
        ("empty", json!("")),
        ("a number", json!(7)),
        ("a list", json!(["octo-org"])),
        ("an object", json!({"is": "octo-org"})),
        ("true", json!(true)),
    ];
    cases(policy, both, claim, &attacks)
}

/// `<R>` stands for the name of the case's repository, `<I>` for its id.
pub fn all() -> Vec<Case> {
    let none = json!({});
    let mut all = vec![];
    for claim in
        ["repository", "repository_owner", "repository_id", "repository_owner_id", "ref", "event_name", "sub"]
    {
        all.extend(not_text(&none, &none, claim));
    }
    let text = |pairs: &[(&'static str, &'static str)]| -> Vec<(&'static str, Value)> {
        pairs.iter().map(|(name, value)| (*name, json!(value))).collect()
    };
    all.extend(cases(
        &none,
        &none,
        "repository",
        &text(&[
            ("another", "octo-org/other"),
            ("another owner's of the same name", "evil-org/<R>"),
            ("a longer name", "octo-org/<R>2"),
            ("a shorter name", "octo-org/rep"),
            ("in upper case", "OCTO-ORG/<R>"),
            ("the owner in another case", "Octo-Org/<R>"),
            ("a name below it", "octo-org/<R>/x"),
            ("its parent", "octo-org"),
            ("two slashes", "octo-org//<R>"),
            ("a backslash", "octo-org\\<R>"),
            ("a full-width slash", "octo-org／<R>"),
            ("a division slash", "octo-org∕<R>"),
            ("a fraction slash", "octo-org⁄<R>"),
            ("a percent-encoded slash", "octo-org%2F<R>"),
            ("a space after it", "octo-org/<R> "),
            ("a space before it", " octo-org/<R>"),
            ("a line break after it", "octo-org/<R>\n"),
            ("a NUL after it", "octo-org/<R>\0"),
            (".git after it", "octo-org/<R>.git"),
            ("a Cyrillic o", "оcto-org/<R>"),
            ("a zero-width space", "octo-org/\u{200b}<R>"),
            ("a non-breaking hyphen", "octo\u{2011}org/<R>"),
            ("a dot segment", "octo-org/./<R>"),
            ("a way up", "evil-org/../octo-org/<R>"),
            ("a pattern", "octo-org/*"),
        ]),
    ));
    all.extend(cases(
        &none,
        &none,
        "repository_owner",
        &text(&[
            ("another", "evil-org"),
            ("in another case", "Octo-Org"),
            ("with the name", "octo-org/<R>"),
            ("a Greek omicron", "οcto-org"),
        ]),
    ));
    all.extend(cases(
        &none,
        &none,
        "repository_id",
        &text(&[
            ("of a repository made anew under the name", "99999999"),
            ("with a zero before it", "0<I>"),
            ("with a space", "<I> "),
            ("in hexadecimal", "0x1"),
            ("with a sign", "+<I>"),
            ("longer by a digit", "<I>1"),
            ("in Arabic digits", "١٢٣"),
            ("with a fraction", "<I>.0"),
        ]),
    ));
    all.extend(cases(
        &none,
        &none,
        "repository_owner_id",
        &text(&[
            ("of an owner that took the name over", "66"),
            ("with a zero before it", "065"),
            ("longer by a digit", "650"),
            ("negative", "-65"),
        ]),
    ));
    all.extend(cases(
        &none,
        &none,
        "ref",
        &text(&[
            ("another branch", "refs/heads/evil"),
            ("a tag of the name", "refs/tags/main"),
            ("a longer name", "refs/heads/main2"),
            ("a branch below it", "refs/heads/main/x"),
            ("a branch that ends in it", "refs/heads/feature/main"),
            ("in another case", "refs/heads/Main"),
            ("the prefix in another case", "REFS/heads/main"),
            ("the name alone", "main"),
            ("a pull request", "refs/pull/1/merge"),
            ("the head of a pull request", "refs/pull/1/head"),
            ("a remote's", "refs/remotes/origin/main"),
            ("a Cyrillic a", "refs/heads/mаin"),
            ("a space after it", "refs/heads/main "),
            ("a line break after it", "refs/heads/main\n"),
            ("two slashes", "refs/heads//main"),
            ("a pattern", "refs/heads/*"),
            ("all", "*"),
            ("HEAD", "HEAD"),
        ]),
    ));
    all.extend(cases(
        &none,
        &none,
        "ref_type",
        &text(&[("a tag", "tag"), ("nothing", ""), ("in another case", "Branch")]),
    ));
    let any_ref = json!({"branch": null});
    for (name, full) in [
        ("a pull request, where any branch is trusted", "refs/pull/7/merge"),
        ("notes, where any branch is trusted", "refs/notes/commits"),
        ("a broken name, where any branch is trusted", "refs/heads/../x"),
        ("no name, where any branch is trusted", "refs/heads/"),
    ] {
        let attack = json!({"ref": full, "sub": format!("repo:octo-org/<R>:ref:{full}")});
        all.push(Case { name: format!("ref: {name}"), policy: any_ref.clone(), both: none.clone(), attack });
    }
    let tag = json!({"branch": null, "ref": "refs/tags/v1"});
    let tagged =
        json!({"ref": "refs/tags/v1", "ref_type": "tag", "sub": "repo:octo-org/<R>:ref:refs/tags/v1"});
    for (name, attack) in [
        (
            "a branch of the tag's name",
            json!({"ref": "refs/heads/v1", "ref_type": "branch", "sub": "repo:octo-org/<R>:ref:refs/heads/v1"}),
        ),
        ("another tag", json!({"ref": "refs/tags/v1.1", "sub": "repo:octo-org/<R>:ref:refs/tags/v1.1"})),
        ("a tag that says it is a branch", json!({"ref_type": "branch"})),
    ] {
        all.push(Case { name: format!("ref: {name}"), policy: tag.clone(), both: tagged.clone(), attack });
    }

    for event in [
        "discussion",
        "discussion_comment",
        "fork",
        "gollum",
        "issue_comment",
        "issues",
        "pull_request",
        "pull_request_comment",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_target",
        "watch",
        "workflow_run",
        "merge_group",
        "Push",
        "PUSH",
        "push ",
        "pusһ",
        "push,pull_request",
        "deployment",
        "dynamic",
        "*",
    ] {
        all.extend(cases(&none, &none, "event_name", &[(event, json!(event))]));
    }
    let dispatch = (json!({"events": ["workflow_dispatch"]}), json!({"event_name": "workflow_dispatch"}));
    for event in ["push", "schedule", "workflow_dispatch2", "workflow_run"] {
        let mut one = cases(&dispatch.0, &dispatch.1, "event_name", &[(event, json!(event))]);
        one[0].name += " where workflow_dispatch alone is trusted";
        all.extend(one);
    }
    for claim in ["head_ref", "base_ref"] {
        all.extend(cases(
            &none,
            &none,
            claim,
            &[
                ("a branch", json!("main")),
                ("a space", json!(" ")),
                ("a list", json!([])),
                ("false", json!(false)),
                ("an object", json!({})),
            ],
        ));
    }

    let production = json!({"environment": "production"});
    let deployed = json!({"environment": "production", "sub": "repo:octo-org/<R>:environment:production"});
    for (name, value) in [
        ("another", json!("staging")),
        ("in another case", json!("Production")),
        ("a longer name", json!("production2")),
        ("a shorter name", json!("prod")),
        ("a space after it", json!("production ")),
        ("a Cyrillic o", json!("prоduction")),
        ("with what follows in sub", json!("production:ref:refs/heads/main")),
        ("a pattern", json!("*")),
    ] {
        let sub = format!("repo:octo-org/<R>:environment:{}", value.as_str().unwrap());
        let attack = json!({"environment": value, "sub": sub});
        all.push(Case {
            name: format!("environment: {name}"),
            policy: production.clone(),
            both: deployed.clone(),
            attack,
        });
    }
    for (name, value) in [
        ("empty", json!("")),
        ("a list", json!(["production"])),
        ("an object", json!({})),
        ("a number", json!(1)),
    ] {
        all.extend(cases(&production, &deployed, "environment", &[(name, value)]));
    }
    let without = json!({"environment": null, "sub": "repo:octo-org/<R>:ref:refs/heads/main"});
    all.push(Case {
        name: "environment: missing".into(),
        policy: production.clone(),
        both: deployed.clone(),
        attack: without,
    });
    all.extend(cases(
        &production,
        &deployed,
        "ref",
        &[("another branch in the environment", json!("refs/heads/evil"))],
    ));

    let file = "octo-org/shared/.github/workflows/deploy.yml@refs/heads/main";
    let workflow = (json!({"jobWorkflowRef": file}), json!({"job_workflow_ref": file}));
    all.extend(not_text(&workflow.0, &workflow.1, "job_workflow_ref"));
    all.extend(cases(
        &workflow.0,
        &workflow.1,
        "job_workflow_ref",
        &text(&[
            ("another file", "octo-org/shared/.github/workflows/evil.yml@refs/heads/main"),
            ("another repository's", "octo-org/<R>/.github/workflows/deploy.yml@refs/heads/main"),
            ("another branch's", "octo-org/shared/.github/workflows/deploy.yml@refs/heads/evil"),
            ("of a pull request", "octo-org/shared/.github/workflows/deploy.yml@refs/pull/1/merge"),
            ("without a ref", "octo-org/shared/.github/workflows/deploy.yml"),
            ("in another case", "octo-org/shared/.github/workflows/Deploy.yml@refs/heads/main"),
            ("a longer ref", "octo-org/shared/.github/workflows/deploy.yml@refs/heads/main2"),
            ("two refs", "octo-org/shared/.github/workflows/deploy.yml@refs/heads/main@refs/heads/main"),
            ("a way up", "octo-org/shared/.github/workflows/../workflows/deploy.yml@refs/heads/main"),
            ("another owner's", "evil-org/shared/.github/workflows/deploy.yml@refs/heads/main"),
        ]),
    ));

    all.extend(cases(
        &none,
        &none,
        "sub",
        &text(&[
            ("a pull request", "repo:octo-org/<R>:pull_request"),
            ("another repository", "repo:octo-org/other:ref:refs/heads/main"),
            ("another branch", "repo:octo-org/<R>:ref:refs/heads/evil"),
            ("an environment that the job is not of", "repo:octo-org/<R>:environment:production"),
            ("in another case", "repo:Octo-Org/<R>:ref:refs/heads/main"),
            ("Repo", "Repo:octo-org/<R>:ref:refs/heads/main"),
            ("no prefix", "octo-org/<R>:ref:refs/heads/main"),
            ("something after it", "repo:octo-org/<R>:ref:refs/heads/main:x"),
            ("something before it", "x:repo:octo-org/<R>:ref:refs/heads/main"),
            ("a space after it", "repo:octo-org/<R>:ref:refs/heads/main "),
            ("a look-alike colon", "repo：octo-org/<R>：ref：refs/heads/main"),
            ("a ratio for a colon", "repo∶octo-org/<R>:ref:refs/heads/main"),
            ("a template's", "repository_owner_id:65:repository_id:<I>"),
            ("a template's that names the actor", "repo:octo-org/<R>:actor:octocat"),
            ("without a ref", "repo:octo-org/<R>"),
            ("a pattern", "repo:octo-org/*"),
            ("ids of another owner", "repo:octo-org@66/<R>@<I>:ref:refs/heads/main"),
            ("ids of another repository", "repo:octo-org@65/<R>@9:ref:refs/heads/main"),
            ("the owner's id alone", "repo:octo-org@65/<R>:ref:refs/heads/main"),
            ("the repository's id alone", "repo:octo-org/<R>@<I>:ref:refs/heads/main"),
            ("ids without names", "repo:65/<I>:ref:refs/heads/main"),
            ("ids with hyphens", "repo:octo-org-65/<R>-<I>:ref:refs/heads/main"),
            ("ids the wrong way round", "repo:octo-org@<I>/<R>@65:ref:refs/heads/main"),
            ("empty ids", "repo:octo-org@/<R>@:ref:refs/heads/main"),
        ]),
    ));
    // The newer form, which is good with the right ids.
    let with_ids = json!({"sub": "repo:octo-org@65/<R>@<I>:ref:refs/heads/main"});
    for (name, attack) in [
        (
            "of a repository made anew under the name",
            json!({"repository_id": "9", "sub": "repo:octo-org@65/<R>@9:ref:refs/heads/main"}),
        ),
        (
            "of an owner that took the name over",
            json!({"repository_owner_id": "66", "sub": "repo:octo-org@66/<R>@<I>:ref:refs/heads/main"}),
        ),
        (
            "and another branch",
            json!({"ref": "refs/heads/evil", "sub": "repo:octo-org@65/<R>@<I>:ref:refs/heads/evil"}),
        ),
        ("that are not those of the claims", json!({"sub": "repo:octo-org@65/<R>@9:ref:refs/heads/main"})),
    ] {
        all.push(Case {
            name: format!("sub with ids: {name}"),
            policy: none.clone(),
            both: with_ids.clone(),
            attack,
        });
    }
    all
}
