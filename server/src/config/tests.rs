use std::fs;

use processors::analysis::Limits;
use tempfile::TempDir;

use super::store_url::masked;
use super::{LogFormat, Problems, SignInKind, Sources, load};
use crate::roles::Role;

fn flags(settings: &[(&str, &str)]) -> Sources {
    let flags = settings.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    Sources { flags, ..Sources::default() }
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Sources { environment, ..Sources::default() }
}

fn file(text: &str) -> (TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trialbrief.toml");
    fs::write(&path, text).unwrap();
    (folder, Sources { file: Some(path), ..Sources::default() })
}

fn problems(sources: &Sources) -> Vec<String> {
    let Problems(problems) = load(sources).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_are_valid_and_analyse_with_the_default_limits() {
    let settings = load(&Sources::default()).unwrap().settings;
    assert_eq!(settings.base_url, "http://127.0.0.1:8080");
    assert_eq!(&*settings.stores.events, "sqlite:data/events.db");
    assert_eq!(settings.mail.outbox(), Some("data/outbox".as_ref()));
    assert_eq!(settings.mail.lease.as_secs(), 900);
    assert_eq!(settings.sign_in, SignInKind::Development);
    assert_eq!(settings.analysis.limits, Limits::default());
}

#[test]
fn each_place_overrules_the_one_before() {
    let (_folder, mut sources) = file("data = 'file'\nbucket = 'of-file'\n[mail]\ntogether = 2\nlease_seconds = 61\n");
    sources.environment = environment(&[
        ("TRIALBRIEF__BUCKET", "of-variable"),
        ("TRIALBRIEF__MAIL__TOGETHER", "1_000"),
        ("TRIALBRIEF__LOG__FORMAT", "json"),
        ("TRIALBRIEF_PYTHON", "not ours"),
        ("TRIALBRIEFING__X", "not ours"),
    ])
    .environment;
    sources.flags = flags(&[("mail.together", "4"), ("data", "flag/")]).flags;
    let settings = load(&sources).unwrap().settings;
    assert_eq!(settings.mail.lease.as_secs(), 61);
    assert_eq!(settings.bucket, "of-variable");
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.mail.together, 4);
    assert_eq!(&*settings.stores.views, "sqlite:flag/views.db");
}

#[test]
fn the_file_may_be_named_by_a_variable_and_the_command_line_wins() {
    let (folder, named) = file("bucket = 'named'");
    let other = folder.path().join("other.toml");
    fs::write(&other, "bucket = 'of-variable'").unwrap();
    let mut sources = environment(&[("TRIALBRIEF_CONFIG", other.to_str().unwrap())]);
    assert_eq!(load(&sources).unwrap().settings.bucket, "of-variable");
    sources.file = named.file;
    assert_eq!(load(&sources).unwrap().settings.bucket, "named");
}

#[test]
fn everything_wrong_is_reported_at_once_with_key_finding_place_and_remedy() {
    let (folder, mut sources) = file(
        "listen = '0.0.0.0:8080'\nbase_url = 'http://trials.example.org/x'\n[mail]\nfrom_adress = 'a@b'\nlease_seconds = '15 min'\n\
         [analysis]\npixels = -1\nseconds = 0\n[logs]\nfilter = 'info'\n",
    );
    sources.environment =
        environment(&[("TRIALBRIEF__MAIL", "smtp://x"), ("TRIALBRIEF__UPLOADS__LARGEST", "1")]).environment;
    sources.flags = flags(&[("log.format", "xml"), ("stores.views", "sqlite:./data/events.db")]).flags;
    let place = format!("(file {})", folder.path().join("trialbrief.toml").display());
    let mut expected = vec![
        format!("mail.from_adress: unknown setting {place}; the nearest one there is: \"mail.from_address\""),
        format!(
            "mail.lease_seconds: found \"15 min\" {place}; it is a whole number, not negative, without a unit, such as 900"
        ),
        format!(
            "analysis.pixels: found -1 {place}; it is a whole number, not negative, without a unit, such as 64000000"
        ),
        format!("logs: unknown setting {place}; the nearest one there is: \"log.filter\""),
        "mail: found a value (variable TRIALBRIEF__MAIL); it is a section; a setting in it is \"mail.url\"".to_owned(),
        "uploads.largest: unknown setting (variable TRIALBRIEF__UPLOADS__LARGEST); the nearest one there is: \
         \"uploads.largest_bytes\""
            .to_owned(),
        format!(
            "listen: found \"0.0.0.0:8080\" {place}; the sign-in \"development\" asks for no password and therefore \
             serves this machine only: listen on 127.0.0.1 or [::1]"
        ),
        format!(
            "base_url: found \"http://trials.example.org/x\" {place}; it is only scheme, host and port, such as \
             \"https://trialbrief.example.org\""
        ),
        "stores.views: found \"sqlite:./data/events.db\" (command line); stores.events is kept in the same file; give \
         each a file of its own"
            .to_owned(),
        format!("analysis.seconds: found 0 {place}; it is a whole number from 1 to 3600"),
        "log.format: found \"xml\" (command line); it may be \"text\" or \"json\"".to_owned(),
    ];
    let mut found = problems(&sources);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn wrong_values_are_refused_one_by_one() {
    for (path, value) in [
        ("data", ""),
        ("telemetry.otlp", "collector:4318"),
        ("telemetry.otlp", "grpc://collector:4317"),
        ("telemetry.percent", "101"),
        ("listen", "localhost:8080"),
        ("listen", "192.0.2.1:80"),
        ("base_url", "ftp://127.0.0.1"),
        ("base_url", "http://reports.example.org"),
        ("base_url", "http://0.0.0.0:8080"),
        ("base_url", "https://a@reports.example.org"),
        ("bucket", "Trial_brief"),
        ("bucket", "-ab"),
        ("stores.events", "data/events.db"),
        ("stores.files", "file:"),
        ("stores.keys", "sqlite:{date}/keys.db"),
        ("mail.from_name", "A\r\nBcc: b@example.org"),
        ("mail.from_address", "reports"),
        ("mail.from_address", "a b@example.org"),
        ("mail.domain", "example..org"),
        ("mail.together", "0"),
        ("mail.lease_seconds", "59"),
        ("analysis.memory_bytes", "many"),
        ("sign_in.kind", "none"),
        ("trials.openers", "ada, b/c"),
        ("roles", ""),
        ("roles", "api,relais"),
        ("log.filter", "info,a=loud"),
    ] {
        let found = problems(&flags(&[(path, value)]));
        assert_eq!(found.len(), 1, "{path} = {value:?}: {found:?}");
        assert!(found[0].starts_with(&format!("{path}: found ")), "{found:?}");
    }
}

#[test]
fn part_of_the_work_needs_a_queue_that_others_share() {
    let found = problems(&flags(&[("roles", "api")]));
    assert!(found.len() == 1 && found[0].starts_with("roles: ") && found[0].contains("stores.queue"), "{found:?}");
    let shared = load(&flags(&[("roles", "api, relay"), ("stores.queue", "nats://queue:4222")])).unwrap();
    let mut workers = vec![("roles", "mailer"), ("stores.queue", "nats://queue:4222"), ("listen", "0.0.0.0:8080")];
    workers.push(("base_url", "https://trials.example.org"));
    assert!(load(&flags(&workers)).is_ok(), "who serves nobody may be asked from other machines how it is");
    let roles = shared.settings.roles;
    assert!(roles.has(Role::Api) && roles.has(Role::Relay) && !roles.has(Role::Mailer));
}

#[test]
fn reachable_addresses_are_taken_without_the_slash() {
    for (written, taken) in [
        ("https://trials.example.org/", "https://trials.example.org"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
    ] {
        assert_eq!(load(&flags(&[("base_url", written)])).unwrap().settings.base_url, taken);
    }
    assert_eq!(load(&flags(&[("listen", "[::1]:81")])).unwrap().settings.base_url, "http://[::1]:81");
}

#[test]
fn mail_is_not_sent_with_the_example_sender() {
    let found = problems(&flags(&[("mail.url", "smtps://u:p@mail.example.org")]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("mail.from_address: ") && found[1].starts_with("mail.domain: "), "{found:?}");
    let own = [("mail.from_address", "r@example.org"), ("mail.domain", "example.org")];
    assert!(load(&flags(&[&own[..], &[("mail.url", "smtps://u:p@mail.example.org")]].concat())).is_ok());
}

#[test]
fn passwords_are_never_shown() {
    for (url, shown) in [
        ("smtps://me:hunter2@mail.example.org:465?helo=a", "smtps://me:***@mail.example.org:465?helo=a"),
        ("smtp://me:hun/ter2?hunter2@hunter2@host", "smtp://me:***@host"),
        ("nats://hunter2@host:4222", "nats://***@host:4222"),
        (
            "s3://bucket?endpoint=http://h:1&secret_access_key=hunter2",
            "s3://bucket?endpoint=http://h:1&secret_access_key=***",
        ),
        ("smtp:me:hunter2@host", "smtp:me:***@host"),
        ("mongodb://a,b/trials", "mongodb://a,b/trials"),
        ("sqlite:data@home/a.db", "sqlite:data@home/a.db"),
        ("info,a=debug", "info,a=debug"),
    ] {
        assert_eq!(masked(url), shown);
    }

    let secret = "smtps://me:hunter2@mail.example.org";
    let own = [("mail.from_address", "r@example.org"), ("mail.domain", "example.org"), ("mail.url", secret)];
    let loaded = load(&flags(&own)).unwrap();
    assert_eq!(&*loaded.settings.mail.url, secret);
    for shown in [loaded.effective(), format!("{loaded:?}"), format!("{}", loaded.settings.mail.url)] {
        assert!(shown.contains("me:***@mail.example.org") && !shown.contains("hunter2"), "{shown}");
    }

    let (_first, broken) = file("[mail]\nurl = \"smtp://me:hunter2@host\" x\n");
    let (_second, list) = file("[mail]\nurl = ['smtp://me:hunter2@host']\n");
    for (sources, said) in [
        (broken, "no TOML in line 2"),
        (list, "found a list"),
        (flags(&[("base_url", secret)]), "base_url: found"),
        (flags(&[("stores.views", "mongodb://me:{hunter2@h")]), "me:***@h"),
    ] {
        let found = problems(&sources).join("\n");
        assert!(found.contains(said) && !found.contains("hunter2"), "{found}");
    }
}

#[test]
fn a_broken_file_is_named_with_the_line_and_the_rest_is_still_checked() {
    let (_folder, mut sources) = file("bucket = 'fine'\n\n[mail\n");
    sources.flags = flags(&[("bucket", "X")]).flags;
    let found = problems(&sources);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("trialbrief.toml: no TOML in line 3: "), "{found:?}");
    let missing = Sources { file: Some("missing/trialbrief.toml".into()), ..Sources::default() };
    assert!(problems(&missing)[0].starts_with("missing/trialbrief.toml: "));
}

#[test]
fn the_effective_configuration_is_a_configuration_and_says_where_it_comes_from() {
    let sources = environment(&[("TRIALBRIEF__DATA", "/srv/it's \"data\""), ("TRIALBRIEF__MAIL__TOGETHER", "3")]);
    let effective = load(&sources).unwrap().effective();
    assert!(effective.contains("together = 3  # variable TRIALBRIEF__MAIL__TOGETHER\n"), "{effective}");
    assert!(effective.contains("\n[sign_in]\nkind = \"development\"\n"), "{effective}");

    let (_folder, again) = file(&effective);
    let settings = load(&again).unwrap().settings;
    assert_eq!(&*settings.stores.keys, "sqlite:/srv/it's \"data\"/keys.db");
    assert_eq!(format!("{settings:?}"), format!("{:?}", load(&sources).unwrap().settings));
}

#[test]
fn the_distributed_configuration_is_valid_and_keeps_nothing_on_this_machine() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/distributed.toml");
    let settings = load(&Sources { file: Some(file.into()), ..Sources::default() }).unwrap().settings;
    let stores = &settings.stores;
    let urls = [&stores.events, &stores.documents, &stores.views, &stores.directory, &stores.keys, &stores.files];
    for url in urls.into_iter().chain([&stores.queue, &settings.mail.url]) {
        let (scheme, _) = url.split_once(':').unwrap();
        assert!(!["sqlite", "file", "memory", "outbox"].contains(&scheme), "{url}");
        assert!(!url.contains('@'), "{url}: a password belongs into the environment");
    }
}
