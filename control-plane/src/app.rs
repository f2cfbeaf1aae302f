//! The composition root: what every handler shares, and the router that merges each feature's.

use std::ops::Deref;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::infra::clock::Clock;
use crate::infra::config::{Config, Environment};
use crate::infra::db::{Db, DbError};
use crate::infra::keystore::{self, Keystore};
use crate::infra::lists::Lists;
use crate::infra::outbound::{NoClient, Outbound};
use crate::infra::rng::{Rng, new_id};
use crate::infra::{http, jobs};
use crate::{
    agents, audit, cards, compliance, credentials, delegation, did, edge_feed, federation, health,
    housekeeping, keys, oidc, openapi, organizations, outside_issuers, policy, resources, status_lists,
    tenancy, tokens, trust_policies, well_known,
};

/// Everything a handler may need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<AppInner>);

#[derive(Debug)]
pub struct AppInner {
    pub config: Config,
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub keystore: Keystore,
    pub policy: policy::PolicyStore,
    pub tiers: tenancy::Tiers,
    pub signers: keys::Signers,
    pub document_keys: keys::DocumentKeys,
    pub feed: edge_feed::Feed,
    pub tokens: tokens::Rounds,
    pub status_lists: status_lists::StatusLists,
    pub compliance: compliance::Compliance,
    pub audit: audit::AuditLog,
    pub lists: Lists,
    pub outside_issuers: outside_issuers::OutsideIssuers,
    pub started_at: OffsetDateTime,
    /// Cancelled when the process should end; background work watches it.
    pub shutdown: CancellationToken,
    pub tasks: TaskTracker,
}

impl Deref for App {
    type Target = AppInner;

    fn deref(&self) -> &AppInner {
        &self.0
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the database refused a query; were the migrations applied (`agentidp migrate`)?")]
    Query(#[from] sqlx::Error),
    #[error("the keystore's keys cannot be used")]
    Keystore(#[from] keystore::StartError),
    #[error("the authorisation policy cannot be used")]
    Policy(#[from] policy::LoadError),
    #[error(transparent)]
    Tiers(#[from] tenancy::TiersError),
    #[error("the signing keys cannot be used")]
    Keys(#[from] keys::KeyError),
    #[error(transparent)]
    Outbound(#[from] NoClient),
    #[error("the edge feed cannot be signed")]
    Feed(#[from] edge_feed::FeedKeyError),
}

impl App {
    /// Connects, and checks everything that can be checked before the first request. Starts no background work.
    pub async fn start(config: Config, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Self, StartError> {
        let tiers = tenancy::Tiers::load(config.tiers_file.as_deref())?;
        let db = Db::connect(&config.database).await?;
        if let Err(error) = db.check_privileges().await {
            if config.environment == Environment::Production {
                return Err(error.into());
            }
            tracing::warn!(%error, "this would be refused in production");
        }
        let keystore = Keystore::start(&config.keystore, &db, &*clock, &*rng).await?;
        let policy = policy::PolicyStore::load(config.policy_dir.clone())?;
        let feed = edge_feed::Feed::open(&db, &config).await?;
        let app = Self(Arc::new(AppInner {
            db,
            keystore,
            policy,
            tiers,
            feed,
            signers: keys::Signers::default(),
            document_keys: keys::DocumentKeys::default(),
            tokens: tokens::Rounds::default(),
            status_lists: status_lists::StatusLists::default(),
            compliance: compliance::Compliance::default(),
            outside_issuers: outside_issuers::OutsideIssuers::new(Outbound::new(&config.outbound)?),
            audit: audit::AuditLog::new(config.database.max_connections),
            lists: Lists::new(config.database.max_connections),
            started_at: clock.now(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
            clock,
            rng,
        }));
        keys::prepare(&app).await?;
        keys::load_documents(&app).await?;
        edge_feed::publish_configuration(&app).await?;
        Ok(app)
    }

    /// Starts what runs beside requests: sequencing and pushing the feed, sealing the audit log, keys' lives, housekeeping.
    pub fn spawn_background(&self) {
        edge_feed::spawn(self);
        audit::spawn(self);
        keys::spawn(self);
        policy::spawn(self);
        keystore::spawn(self);
        if self.config.jobs.served {
            self.spawn_jobs();
        }
    }

    /// Runs jobs until the process stops.
    pub fn spawn_jobs(&self) {
        jobs::spawn(self, job_kinds(self));
    }

    /// Sets the gauges that are read from the database.
    pub async fn sample(&self) -> Result<(), sqlx::Error> {
        jobs::sample(self).await?;
        compliance::sample(self).await?;
        audit::sample(self).await?;
        credentials::sample(self).await
    }

    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub fn new_id(&self) -> Uuid {
        new_id(&*self.clock, &*self.rng)
    }
}

/// Every kind of job there is, and how often those that recur do.
pub fn job_kinds(app: &App) -> jobs::Registry {
    fn recurring<J: jobs::Job + Default>(registry: jobs::Registry, app: &App) -> jobs::Registry {
        registry.every::<J>(app.config.jobs.interval(J::KIND))
    }
    let registry = jobs::Registry::default();
    let registry = recurring::<housekeeping::Housekeeping>(registry, app);
    let registry = recurring::<audit::VerifyLog>(registry, app);
    let registry = recurring::<audit::ArchiveMonths>(registry, app);
    let registry = recurring::<keys::RotateOld>(registry, app);
    let registry = recurring::<federation::RefreshPartnerKeys>(registry, app);
    let registry = recurring::<outside_issuers::RefreshIssuerKeys>(registry, app);
    let registry = recurring::<tenancy::WatchShares>(registry, app);
    let registry = recurring::<credentials::NoticeExpiring>(registry, app);
    let registry = registry.with::<audit::CarryCheckpoints>();
    recurring::<compliance::Check>(registry, app)
}

/// Every route with its document.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(agents::routes())
        .merge(credentials::routes())
        .merge(organizations::routes())
        .merge(resources::routes())
        .merge(audit::routes())
        .merge(compliance::routes())
        .merge(tokens::routes())
        .merge(delegation::routes())
        .merge(keys::routes())
        .merge(well_known::routes())
        .merge(did::routes())
        .merge(cards::routes())
        .merge(oidc::routes())
        .merge(trust_policies::routes())
        .merge(federation::routes())
        .merge(status_lists::routes())
        .merge(edge_feed::routes())
        .merge(health::routes())
        .merge(openapi::routes())
}

/// The OpenAPI document of every route.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// Only how the process is, for one that serves nothing else.
pub fn health_router(app: &App) -> axum::Router {
    health::routes().split_for_parts().0.with_state(app.clone())
}

/// The whole service: routes behind authorisation, behind the limits every request meets.
pub fn router(app: &App) -> axum::Router {
    let (router, _) = routes().split_for_parts();
    let authorised =
        router.route_layer(axum::middleware::from_fn_with_state(app.clone(), crate::access::authorize));
    http::wrap(authorised, app).with_state(app.clone())
}
