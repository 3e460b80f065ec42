//! Every path with its methods. What is not here is a 404; another method on a path that is, a 405.

use actix_web::{
    Resource, guard,
    web::{self, ServiceConfig},
};
use domain::Error;

use crate::{
    certificates, clusters, clusters::bays, discovery, federations, mservices, nodegroups, problem::Problem, quotas,
    root, rotations, stats, templates,
};

/// Mounts everything.
pub(crate) fn routes(app: &mut ServiceConfig) {
    app.service(only("/", "GET").route(web::get().to(root::versions)))
        .service(only("/v1", "GET").route(web::get().to(root::v1)))
        .service(only("/healthcheck", "GET").route(web::get().to(root::healthcheck)))
        .service(only("/openapi.json", "GET").route(web::get().to(root::openapi)))
        .service(only("/docs", "GET").route(web::get().to(root::browse)))
        .service(
            collection("/v1/clustertemplates")
                .route(web::get().to(templates::list))
                .route(web::post().to(templates::create)),
        )
        .service(detail("/v1/clustertemplates/detail").route(web::get().to(templates::detail)))
        .service(
            only("/v1/clustertemplates/{ident}", "GET, PATCH, DELETE")
                .route(web::get().to(templates::show))
                .route(web::patch().to(templates::update))
                .route(web::delete().to(templates::delete)),
        )
        .service(
            collection("/v1/baymodels")
                .route(web::get().to(templates::old::list))
                .route(web::post().to(templates::old::create)),
        )
        .service(detail("/v1/baymodels/detail").route(web::get().to(templates::old::detail)))
        .service(
            only("/v1/baymodels/{ident}", "GET, PATCH, DELETE")
                .route(web::get().to(templates::old::show))
                .route(web::patch().to(templates::old::update))
                .route(web::delete().to(templates::old::delete)),
        )
        .service(collection("/v1/bays").route(web::get().to(bays::list)).route(web::post().to(bays::create)))
        .service(detail("/v1/bays/detail").route(web::get().to(bays::detail)))
        .service(
            only("/v1/bays/{ident}", "GET, PATCH, DELETE")
                .route(web::get().to(bays::show))
                .route(web::patch().to(bays::update))
                .route(web::delete().to(bays::delete)),
        )
        .service(
            collection("/v1/clusters").route(web::get().to(clusters::list)).route(web::post().to(clusters::create)),
        )
        .service(detail("/v1/clusters/detail").route(web::get().to(clusters::detail)))
        .service(
            only("/v1/clusters/{ident}", "GET, PATCH, DELETE")
                .route(web::get().to(clusters::show))
                .route(web::patch().to(clusters::update))
                .route(web::delete().to(clusters::delete)),
        )
        .service(
            collection("/v1/clusters/{ident}/nodegroups")
                .route(web::get().to(nodegroups::list))
                .route(web::post().to(nodegroups::create)),
        )
        .service(
            only("/v1/clusters/{ident}/nodegroups/{nodegroup}", "GET, PATCH, DELETE")
                .route(web::get().to(nodegroups::show))
                .route(web::patch().to(nodegroups::update))
                .route(web::delete().to(nodegroups::delete)),
        )
        .service(only("/v1/clusters/{ident}/actions/resize", "POST").route(web::post().to(clusters::resize)))
        .service(only("/v1/clusters/{ident}/actions/upgrade", "POST").route(web::post().to(clusters::upgrade)))
        .service(only("/v1/certificates", "POST").route(web::post().to(certificates::sign)))
        .service(
            only("/v1/certificates/{ident}", "GET, PATCH")
                .route(web::get().to(certificates::show))
                .route(web::patch().to(rotations::rotate_ca)),
        )
        .service(only("/v1/credentials/{ident}", "PATCH").route(web::patch().to(rotations::rotate_credentials)))
        .service(only("/v1/mservices", "GET").route(web::get().to(mservices::list)))
        .service(
            only("/v1/discovery/{key:.*}", "GET, PUT")
                .route(web::get().to(discovery::read))
                .route(web::put().to(discovery::join)),
        )
        .service(collection("/v1/quotas").route(web::get().to(quotas::list)).route(web::post().to(quotas::create)))
        .service(
            only("/v1/quotas/{project}/{resource}", "GET, PATCH, DELETE")
                .route(web::get().to(quotas::show))
                .route(web::patch().to(quotas::update))
                .route(web::delete().to(quotas::delete)),
        )
        .service(
            collection("/v1/federations")
                .route(web::get().to(federations::list))
                .route(web::post().to(federations::create)),
        )
        .service(detail("/v1/federations/detail").route(web::get().to(federations::detail)))
        .service(
            only("/v1/federations/{ident}", "GET, PATCH, DELETE")
                .route(web::get().to(federations::show))
                .route(web::patch().to(federations::update))
                .route(web::delete().to(federations::delete)),
        )
        .service(only("/v1/stats", "GET").route(web::get().to(stats::show)))
        .default_service(web::to(|| async { Err::<&str, _>(Problem::NoRoute) }));
}

/// A path that answers other methods than `allowed` with a 405.
fn only(path: &str, allowed: &'static str) -> Resource {
    web::resource(path).default_service(web::to(move || async move { Err::<&str, _>(Problem::NoMethod(allowed)) }))
}

/// A collection: changing or deleting it as a whole lacks an identifier, which upstream answers with a 400.
fn collection(path: &str) -> Resource {
    let unnamed =
        || async { Err::<&str, _>(Problem::from(Error::invalid("Missing argument: the object's identifier"))) };
    only(path, "GET, POST").route(web::patch().to(unnamed)).route(web::delete().to(unnamed))
}

/// The detailed list; other methods mean an object of that name.
fn detail(path: &str) -> Resource {
    web::resource(path).guard(guard::Get())
}
