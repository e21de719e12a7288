//! The command line: `serve`, `demo`, `replay`, `verify-report`, `migrate`, `check-config`, `health`.
//!
//! It is part of the library, so that the program itself is one call and nothing is compiled twice.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ports::{Clock, Ports};
use processors::analysis::isolated::VERB;
use tokio::net::TcpListener;
use tracing_subscriber::filter::Targets;
#[cfg(feature = "distributed")]
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Identity, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::app::{self, AppSettings};
use crate::config::{self, LogFormat, Settings, SignInKind, Sources};
use crate::wire::{self, Urls};
use crate::{demo, migrate, probe, replay, verify_report};

/// Documents of clinical trials, and a weekly report about them.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve the API and the browser client, and do all work.
    Serve {
        /// What this process does, such as `api,relay`; all where it is not given.
        #[arg(long)]
        roles: Option<String>,
        #[command(flatten)]
        configured: Configured,
    },
    /// Live through twelve weeks of a sample trial in seconds, then serve it.
    Demo {
        /// Where everything is kept, the outbox among it.
        #[arg(long, default_value = "demo-data")]
        data: PathBuf,
        /// Exit when the twelve weeks are over.
        #[arg(long)]
        once: bool,
        /// Address and port; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: String,
    },
    /// Rebuild every view beside the live one, compare, and say equal or where not. The program must not be running.
    Replay {
        /// The folder of a demo, in place of the configured one.
        #[arg(long)]
        data: Option<PathBuf>,
        #[command(flatten)]
        configured: Configured,
    },
    /// Render every report again out of the log, and compare it with its recorded SHA-256. The program must not be running.
    VerifyReport {
        /// The folder of a demo, in place of the configured one.
        #[arg(long)]
        data: Option<PathBuf>,
        #[command(flatten)]
        configured: Configured,
    },
    /// Copy everything to other engines, resumably, and compare both sides. Neither program may be running.
    Migrate(Move),
    /// Check the configuration and print what is in force, secrets masked.
    CheckConfig(Configured),
    /// Ask a running program how it is; exit code 0 if it answers 200. For containers, which hold no other client.
    Health {
        /// `/healthz`: it runs. `/readyz`: all its work goes on.
        #[arg(long, default_value = "http://127.0.0.1:8080/healthz")]
        url: String,
    },
}

#[derive(Args)]
struct Move {
    /// The configuration of the source. The environment does not count for it: it would name both sides.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The folder of a demo as source, in place of the configured one.
    #[arg(long, value_name = "FOLDER", required_unless_present = "from")]
    from_data: Option<PathBuf>,
    /// The configuration of the target, read as `serve --config` reads it.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args)]
struct Configured {
    /// A file that overrides the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A setting, such as `--set listen=127.0.0.1:9000`; may be given often.
    #[arg(long = "set", value_name = "SETTING=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("write SETTING=VALUE, such as listen=127.0.0.1:9000")?;
    Ok((path.trim().to_owned(), value.trim().to_owned()))
}

impl Configured {
    /// The same, but everything is kept in this folder.
    fn in_folder(mut self, data: Option<PathBuf>) -> Self {
        self.settings.extend(data.map(|data| ("data".to_owned(), data.display().to_string())));
        self
    }

    fn load(&self) -> anyhow::Result<config::Loaded> {
        let environment = std::env::vars_os().collect();
        Ok(config::load(&Sources { file: self.config.clone(), environment, flags: self.settings.clone() })?)
    }
}

/// Prints for the person at the terminal.
#[expect(clippy::print_stdout, reason = "what was asked for")]
fn say(line: &str) {
    println!("{line}");
}

/// Does what the arguments of the process ask for.
#[must_use]
pub fn main() -> ExitCode {
    // One file in a process of its own, before any thread starts: its limits hold for the whole process.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == VERB) {
        return match processors::analysis::child::run(std::io::stdin().lock(), std::io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    // What is kept is for this program's user alone: file names, mails and their links are personal data.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let done = tokio::runtime::Runtime::new()
        .context("the runtime cannot be started")
        .and_then(|runtime| runtime.block_on(run(Arguments::parse().verb)));
    match done {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word to the person at the terminal")]
            {
                eprintln!("trialbrief: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Serve { roles, mut configured } => {
            configured.settings.extend(roles.map(|roles| ("roles".to_owned(), roles)));
            let mut settings = configured.load()?.settings;
            #[cfg(feature = "distributed")]
            let traces = crate::telemetry::Traces::of(&settings.telemetry)?;
            #[cfg(feature = "distributed")]
            let traced = traces.clone().map(|traces| traces.with_filter(filter_fn(crate::telemetry::is_ours)));
            #[cfg(not(feature = "distributed"))]
            let traced = None::<Identity>;
            log_to(settings.log.filter.clone(), settings.log.format, traced);
            // From the beginning on: the first process of a container is not ended by a signal that it does not take.
            let mut asked_to_end = tokio::spawn(interrupted());
            let started = async {
                let ports = wire::connect(&Urls::of(&settings), Clock::system()).await?;
                let listener =
                    TcpListener::bind(settings.listen).await.with_context(|| format!("listen: {}", settings.listen))?;
                settings.reached_at(listener.local_addr()?);
                let app = app::build(&ports, &AppSettings::of(&settings)?);
                app::catch_up(&ports).await.context("events of stores.events cannot be folded into stores.views")?;
                let SignInKind::Development = settings.sign_in;
                demo::add_people(ports.directory.as_ref()).await?;
                tracing::info!(address = %listener.local_addr()?, "serving");
                anyhow::Ok((app, ports.clock, listener))
            };
            tokio::select! {
                started = started => {
                    let (app, clock, listener) = started?;
                    app::run(app, clock, listener, async { drop(asked_to_end.await) }).await;
                }
                _ = &mut asked_to_end => tracing::info!("asked to end before it served"),
            }
            #[cfg(feature = "distributed")]
            if let Some(traces) = traces {
                tokio::task::spawn_blocking(move || traces.end()).await?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Demo { data, once, listen } => run_demo(&data, once, listen).await,
        Verb::Replay { data, configured } => {
            let settings = configured.in_folder(data).load()?.settings;
            compare(&what_was_kept(&settings).await?).await
        }
        Verb::VerifyReport { data, configured } => {
            let settings = configured.in_folder(data).load()?.settings;
            verify_reports(&what_was_kept(&settings).await?, &AppSettings::of(&settings)?).await
        }
        Verb::Migrate(wanted) => move_to_other_engines(&wanted).await,
        Verb::CheckConfig(configured) => {
            say(configured.load()?.effective().trim());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Health { url } => {
            say(&probe::ask(&url).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The ports of stores that are there: a mistyped folder is told, and not made and found equal.
async fn what_was_kept(settings: &Settings) -> anyhow::Result<Ports> {
    let urls = Urls::of(settings);
    if let Some(log) = urls.events.strip_prefix("sqlite:").filter(|log| !Path::new(log).exists()) {
        anyhow::bail!("there is no event log at {log}: name the folder with --data, or the setting `events`");
    }
    Ok(wire::connect(&urls, Clock::system()).await?)
}

/// Moves what one configuration names to where another one does.
async fn move_to_other_engines(wanted: &Move) -> anyhow::Result<ExitCode> {
    let flags = wanted.from_data.iter().map(|data| ("data".to_owned(), data.display().to_string())).collect();
    let from =
        config::load(&Sources { file: wanted.from.clone(), environment: Vec::new(), flags }).context("--from")?;
    let to = Sources { file: Some(wanted.to.clone()), environment: std::env::vars_os().collect(), flags: Vec::new() };
    let (from, to) = (from.settings, config::load(&to).context("--to")?.settings);
    anyhow::ensure!(
        from.bucket == to.bucket,
        "bucket: the source has {:?} and the target {:?}: records name it, so write the source's name into both",
        from.bucket,
        to.bucket
    );
    let (source_urls, target_urls) = (Urls::of(&from), Urls::of(&to));
    migrate::refuse_missing(&source_urls)?;
    migrate::refuse_shared(&source_urls, &target_urls)?;
    let clock = Clock::system();
    let source = migrate::Source::open(&source_urls, &clock).await.context("--from")?;
    let target = wire::connect(&target_urls, clock).await.context("--to")?;
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}: {human_pos}, {elapsed}")?);
    let mut progress = migrate::Progress::new(bar, |phase| say(&phase.to_string()));
    let leases = migrate::leases(&target, &AppSettings::of(&to)?);
    let compared = migrate::migrate(&source, &target, &leases, &mut progress).await?;
    say(&format!("{:10} {:>16} {:>16}", "", "source", "target"));
    compared.iter().for_each(|compared| say(&compared.to_string()));
    let is_equal = compared.iter().all(migrate::Compared::is_equal);
    say(if is_equal {
        "equal: start the program with the new configuration, and never again with the old one, or both send reports"
    } else {
        "not equal: the source went on, or somebody else wrote the target; give an empty target and begin anew"
    });
    Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The sample trial.
async fn run_demo(data: &Path, once: bool, listen: String) -> anyhow::Result<ExitCode> {
    log_to(Targets::new().with_default(tracing::Level::WARN), LogFormat::Text, None::<Identity>);
    let flags = vec![("data".to_owned(), data.display().to_string()), ("listen".to_owned(), listen)];
    let mut settings = config::load(&Sources { file: None, environment: Vec::new(), flags })?.settings;
    // The address first: mails name it, and a port that is taken is told before anything is done.
    let listener = TcpListener::bind(settings.listen).await.with_context(|| format!("listen: {}", settings.listen))?;
    settings.reached_at(listener.local_addr()?);
    let clock = Clock::system();
    let mut ports = wire::connect(&Urls::of(&settings), clock.clone()).await?;
    if demo::was_interrupted(data) {
        // Moved while we hold its lock, so that nobody else is living through it.
        let aside = demo::put_aside(data).with_context(|| format!("{} cannot be moved aside", data.display()))?;
        drop(ports);
        say(&format!(
            "The demo in {} was interrupted in its twelve weeks: it was moved to {}, and they begin anew.",
            data.display(),
            aside.display()
        ));
        ports = wire::connect(&Urls::of(&settings), clock.clone()).await?;
    }
    let outbox = settings.mail.outbox().map(ToOwned::to_owned);
    let mut app = app::build(&ports, &AppSettings { outbox, ..AppSettings::of(&settings)? });
    app::catch_up(&ports).await?;
    demo::add_people(ports.directory.as_ref()).await?;
    #[expect(clippy::disallowed_methods, reason = "how long the demo took by the wall, told to the person who waited")]
    let began = std::time::Instant::now();
    let told = demo::live(&ports, &mut app, data).await?;
    if told.before {
        say(&format!("{} holds the demo already; its twelve weeks are not lived through again.", data.display()));
    } else {
        say(&format!(
            "Lived through 12 weeks of trial ACME-101 in {:.1} s: {} documents were there, {} changes followed; the mails are in {}/outbox.",
            began.elapsed().as_secs_f64(),
            told.present,
            told.changes,
            data.display()
        ));
    }
    if once {
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("\nOpen {}\n", settings.base_url));
    say("Four things to try:");
    say("  1. Drop a blurred photograph of your own on the trial's page: it is flagged within 5 seconds.");
    say("  2. Subscribe, choose \"Send me a report now\", and open the mail in the outbox.");
    say("  3. Kill this program with kill -9 and start it again with the same command: the same counts.");
    say(&format!(
        "  4. Stop it with Ctrl-C, then: trialbrief replay --data {}   (every view rebuilt: equal)",
        data.display()
    ));
    app::run(app, clock, listener, interrupted()).await;
    Ok(ExitCode::SUCCESS)
}

async fn compare(ports: &Ports) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let beside = replay::store_beside(folder.path(), &ports.clock).await?;
    let mut equal = true;
    for comparison in replay::replay(&ports.feed, &ports.views, &beside).await? {
        let differs = !comparison.differences.is_empty();
        say(&format!(
            "{:18} {:>8} rows  {}",
            comparison.projection,
            comparison.rows,
            if differs { "DIFFERS" } else { "equal" }
        ));
        for difference in &comparison.differences {
            say(&format!("    {difference}"));
        }
        equal &= !differs;
    }
    say(if equal { "equal" } else { "not equal: remove the views file and start the program to rebuild it" });
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn verify_reports(ports: &Ports, settings: &AppSettings) -> anyhow::Result<ExitCode> {
    let verified = verify_report::verify(ports, settings).await?;
    for report in &verified {
        say(&report.to_string());
    }
    let failed = verified.iter().filter(|report| !report.holds()).count();
    say(&format!("{} reports, {failed} that do not hold", verified.len()));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Resolves on Ctrl-C, or when the system asks the program to end. Work under way ends by itself; a second such signal, or this
/// long a wait, ends the program.
async fn interrupted() {
    asked_to_end().await;
    tokio::spawn(async {
        let _ = tokio::time::timeout(Duration::from_secs(20), asked_to_end()).await;
        std::process::exit(1);
    });
}

async fn asked_to_end() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Lines to the terminal, and spans to where traces go.
fn log_to<T: Layer<Registry> + Send + Sync>(filter: Targets, format: LogFormat, traces: Option<T>) {
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(traces).with(lines.with_filter(filter)).init();
}
