//! The application as a function of its ports: a router, workers that can be stepped, and the loop that drives both.

use std::future::Future;
use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use axum::{Extension, Router};
use commands::{Commands, Openers};
use http::sign_in::development::Development;
use http::{ProblemDocument, SignIn};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, Leases, Ports, Worker};
use processors::analysis::Limits;
use processors::analysis::isolated::Analyser;
use processors::sweeper::Sweeper;
use processors::{Analyst, ChangeRelay, Dispatcher, Mailer, MailerSettings, Reconciler, Renderer, Scheduler};
use projections::{Projector, Views};
use queries::Queries;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use utoipa::openapi::OpenApi;
use utoipa::{PartialSchema, ToSchema};

use crate::config::Settings;
use crate::drive::Driver;
use crate::health::Health;
use crate::reach::Reach;
use crate::roles::{Role, Roles};

/// How often the sweeper looks for what an interrupted upload or deletion left.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// What the application needs to know beside its ports.
#[derive(Clone, Debug)]
pub struct AppSettings {
    /// Logical name of the bucket in `FileLocation`.
    pub bucket: String,
    /// Where people reach the product, without a slash at the end.
    pub base_url: String,
    /// The largest upload, in bytes.
    pub largest_upload_bytes: u64,
    /// What this process does.
    pub roles: Roles,
    /// Who may open trials.
    pub openers: Openers,
    /// About mail.
    pub mail: MailerSettings,
    /// Limits of an analysis.
    pub limits: Limits,
    /// How many files are analysed at once.
    pub analysed_together: usize,
    /// Where analyses are carried out.
    pub analyser: Analyser,
    /// The outbox that everybody may look into: the demo's, and none of any other program.
    pub outbox: Option<std::path::PathBuf>,
}

impl AppSettings {
    /// As configured.
    ///
    /// # Errors
    /// Where the system does not say where this program lies.
    pub fn of(settings: &Settings) -> std::io::Result<Self> {
        let mail = &settings.mail;
        Ok(Self {
            bucket: settings.bucket.clone(),
            base_url: settings.base_url.clone(),
            largest_upload_bytes: settings.largest_upload_bytes,
            roles: settings.roles.clone(),
            openers: settings.openers.clone(),
            mail: MailerSettings {
                from: (mail.from_name.clone(), mail.from_address.clone()),
                domain: mail.domain.clone(),
                base_url: settings.base_url.clone(),
                largest_attachment_bytes: mail.largest_attachment_bytes,
                lease: mail.lease,
                together: mail.together,
            },
            limits: settings.analysis.limits,
            analysed_together: settings.analysis.together,
            analyser: Analyser::this_program()?,
            outbox: None,
        })
    }
}

/// The application, wired but not running.
pub struct App {
    /// The routes of its roles.
    pub router: Router,
    /// The workers of its roles, in the order in which one's work is the next one's.
    pub workers: Vec<Box<dyn Worker>>,
    /// What the workers do, for those who look after them.
    pub health: Health,
    /// Which process steps what only one should.
    pub leases: Arc<dyn Leases>,
    /// Closed when the application ends.
    pub mailer: Arc<dyn ports::Mailer>,
}

/// Wires the application.
#[must_use]
pub fn build(ports: &Ports, settings: &AppSettings) -> App {
    let health = Health::new(ports.clock.clone());
    let commands = commands(ports, settings);
    let queries = queries(ports, settings);
    let workers = workers(ports, settings, &commands, &queries);
    let router = router(ports, settings, commands, queries, &health);
    App { router, workers, health, leases: Arc::clone(&ports.leases), mailer: Arc::clone(&ports.mailer) }
}

fn commands(ports: &Ports, settings: &AppSettings) -> Commands {
    Commands::new(
        Arc::clone(&ports.log),
        Arc::clone(&ports.documents),
        Arc::clone(&ports.originals),
        Arc::clone(&ports.directory),
        Arc::clone(&ports.keys),
        ports.clock.clone(),
        commands::Settings {
            bucket: settings.bucket.clone(),
            largest_upload_bytes: settings.largest_upload_bytes,
            openers: settings.openers.clone(),
        },
    )
}

/// The queries of the application; `replay` and `verify-report` ask them too.
#[must_use]
pub fn queries(ports: &Ports, settings: &AppSettings) -> Queries {
    Queries::new(
        Arc::clone(&ports.views),
        Arc::clone(&ports.log),
        Arc::clone(&ports.feed),
        Arc::clone(&ports.documents),
        Arc::clone(&ports.originals),
        Arc::clone(&ports.derived),
        Arc::clone(&ports.directory),
        Arc::clone(&ports.keys),
        ports.clock.clone(),
        queries::Settings { bucket: settings.bucket.clone(), base_url: settings.base_url.clone() },
    )
}

fn workers(ports: &Ports, settings: &AppSettings, commands: &Commands, queries: &Queries) -> Vec<Box<dyn Worker>> {
    let views = Views::new(Arc::clone(&ports.views));
    let relay =
        ChangeRelay::new(Arc::clone(&ports.documents), Arc::clone(&ports.feed), commands.clone(), views.clone());
    let projectors = projections::all()
        .into_iter()
        .map(|projection| Projector::new(projection, Arc::clone(&ports.feed), Arc::clone(&ports.views)));
    let scheduler =
        Scheduler::new(commands.sender.clone(), commands.access.clone(), views.clone(), Arc::clone(&ports.feed));
    let dispatcher = Dispatcher::new(views.clone(), Arc::clone(&ports.queue));
    let analyst = Analyst::new(
        Arc::clone(&ports.queue),
        Arc::clone(&ports.documents),
        Arc::clone(&ports.originals),
        Arc::clone(&ports.derived),
        commands.clone(),
        views,
        settings.analyser.clone(),
        settings.limits,
        settings.bucket.clone(),
        settings.analysed_together,
    );
    let sweeper = Sweeper::new(
        commands.clone(),
        Arc::clone(&ports.documents),
        Arc::clone(&ports.originals),
        settings.bucket.clone(),
        SWEEP_EVERY,
    );
    let (queue, derived) = (Arc::clone(&ports.queue), Arc::clone(&ports.derived));
    let renderer = Renderer::new(queue, derived, commands.clone(), queries.clone());
    let mailer = Mailer::new(
        Arc::clone(&ports.queue),
        Arc::clone(&ports.mailer),
        Arc::clone(&ports.derived),
        Arc::clone(&ports.directory),
        commands.clone(),
        queries.clone(),
        ports.clock.clone(),
        settings.mail.clone(),
    );
    let reconciler =
        Reconciler::new(Arc::clone(&ports.documents), commands.clone(), Views::new(Arc::clone(&ports.views)));
    let projectors = projectors.map(|projector| (Role::Projector, Box::new(projector) as Box<dyn Worker>));
    let mut workers: Vec<(Role, Box<dyn Worker>)> = vec![(Role::Relay, Box::new(relay))];
    workers.extend(projectors);
    workers.push((Role::Scheduler, Box::new(scheduler)));
    workers.push((Role::Dispatcher, Box::new(dispatcher)));
    workers.push((Role::Analyst, Box::new(analyst)));
    workers.push((Role::Renderer, Box::new(renderer)));
    workers.push((Role::Mailer, Box::new(mailer)));
    workers.push((Role::Relay, Box::new(sweeper)));
    workers.push((Role::Relay, Box::new(reconciler)));
    workers.into_iter().filter(|(role, _)| settings.roles.has(*role)).map(|(_, worker)| worker).collect()
}

/// What is served and what is documented are one list.
fn routes(commands: Commands, queries: Queries, sign_in: &Development) -> (Router, OpenApi) {
    let mut router = sign_in.routes::<()>();
    router = router.merge(commands::routes().with_state(commands));
    router = router.merge(queries::routes().with_state(queries));
    let (router, mut api) = router.split_for_parts();
    api.info = utoipa::openapi::InfoBuilder::new()
        .title("Trialbrief")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Documents of clinical trials, and a weekly report about them."))
        .build();
    // Every route refers to it; none owns it.
    let schemas = &mut api.components.get_or_insert_default().schemas;
    schemas.insert(ProblemDocument::name().into_owned(), ProblemDocument::schema());
    (router, api)
}

fn router(ports: &Ports, settings: &AppSettings, commands: Commands, queries: Queries, health: &Health) -> Router {
    if !settings.roles.has(Role::Api) {
        let operations = crate::health::routes(health.clone(), Reach::new(ports.clone()));
        return operations.layer(axum::middleware::map_response(guarded));
    }
    let development = Development::new(Arc::clone(&ports.directory), settings.outbox.is_some());
    let (router, api) = routes(commands, queries, &development);
    let sign_in: Arc<dyn SignIn> = Arc::new(development);
    let mut router = router
        .merge(crate::health::routes(health.clone(), Reach::new(ports.clone())))
        .merge(crate::openapi::routes(api));
    if let Some(outbox) = &settings.outbox {
        router = router.merge(crate::outbox::routes(outbox.clone()));
    }
    router
        .method_not_allowed_fallback(http::method_not_allowed)
        .fallback(crate::client::serve)
        .layer(axum::middleware::from_fn_with_state(health.clone(), crate::health::count_requests))
        .layer(axum::middleware::map_response(guarded))
        .layer(axum::middleware::from_fn(crate::trace::follow))
        .layer(Extension(sign_in))
}

/// What holds for every answer that does not say otherwise: it is for this caller only, and of the type that it says.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Serves and works until `shutdown` resolves, then finishes what is under way.
pub async fn run(app: App, clock: Clock, listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) {
    let (stop, stopped) = watch::channel(false);
    let mut working = JoinSet::new();
    for worker in app.workers {
        let driver = Driver { clock: clock.clone(), leases: Arc::clone(&app.leases), health: app.health.clone() };
        working.spawn(driver.drive(worker, stopped.clone()));
    }
    let told = async move {
        shutdown.await;
        // Receivers live in the workers; none of them left means nothing to stop.
        let _ = stop.send(true);
        app.mailer.close();
    };
    crate::listen::serve(listener, app.router, told).await;
    while working.join_next().await.is_some() {}
}

/// Brings every view to the log's end, from nothing where its file was deleted, so that no answer comes from half a view.
///
/// # Errors
/// A port's error; `Corrupt` at an event that this program does not know.
pub async fn catch_up(ports: &Ports) -> ports::Result<()> {
    for projection in projections::all() {
        crate::replay::catch_up(&projection, &ports.feed, &ports.views).await?;
    }
    Ok(())
}

/// Steps all workers until idle, then lets a simulated clock jump to the next instant that anyone waits for, until `to`.
///
/// # Errors
/// The first error of a worker.
pub async fn simulate(workers: &mut [Box<dyn Worker>], clock: &Clock, to: Timestamp) -> ports::Result<()> {
    while let Some(next) = ports::settle(workers, clock.now()).await?.filter(|next| *next <= to && *next > clock.now())
    {
        clock.set(next);
    }
    clock.set(to);
    ports::settle(workers, to).await?;
    Ok(())
}
