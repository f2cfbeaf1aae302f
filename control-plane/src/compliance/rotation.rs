//! CC9.2: the platform replaces each of its own secrets before the policy's age limit.
//!
//! Secrets that a tenant does not replace are counted in a metric by organization. They do not fail this control, which every other
//! tenant sees.

use time::Duration;

use super::model::Finding;
use super::store;
use crate::app::App;
use crate::infra::db::SystemTx;

/// A signing key is due at `AGENTIDP_KEY_ROTATION_DAYS`, and a little later the next one signs.
const MARGIN: Duration = Duration::DAY;

pub(super) async fn check(tx: &mut SystemTx, app: &App) -> Result<Finding, sqlx::Error> {
    let config = &app.config;
    let (keys_for, secrets_for) =
        (config.key_rotation.map(|age| age + MARGIN).or(config.secret_max_age), config.secret_max_age);
    if keys_for.is_none() && secrets_for.is_none() {
        return Ok(Finding::unknown(
            "no policy is set: see AGENTIDP_KEY_ROTATION_DAYS and AGENTIDP_SECRET_MAX_AGE_DAYS",
        ));
    }
    let now = app.now();
    let mut problems = vec![];
    if let Some(age) = keys_for {
        for kid in store::keys_signing_since(tx, now - age).await? {
            problems.push(format!("signing key {kid} has signed for too long"));
        }
    }
    if let Some(age) = secrets_for {
        let old = store::count_platform_secrets_before(tx, now - age, now).await?;
        if old > 0 {
            problems.push(format!(
                "{old} client secrets of the system organization are older than {} days",
                age.whole_days()
            ));
        }
    }
    Ok(Finding::of(&problems, "no key and no client secret of the platform is older than the policy allows"))
}
