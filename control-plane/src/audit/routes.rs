//! The audit log's routes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{checkpoint, get, list, prove, verify};
use crate::app::App;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_audit_events))
        .routes(routes!(list::list_audit_logs))
        .routes(routes!(verify::verify_audit_log))
        .routes(routes!(checkpoint::get_audit_checkpoint))
        .routes(routes!(prove::prove_audit_inclusion))
        .routes(routes!(prove::prove_audit_consistency))
        .routes(routes!(get::get_audit_event))
}
