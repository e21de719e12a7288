//! What lies in `deploy/`: the schemas of others, and what has to agree. No container is started here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use trialbrief::config::{Sources, load};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/deploy.py");

/// What the script reads.
const READ: [&str; 6] = [
    "deploy",
    "server/config/default.toml",
    "server/config/distributed.toml",
    "server/src/cli.rs",
    "processors/src/dispatcher.rs",
    "Cargo.toml",
];

#[test]
fn the_manifests_keep_to_their_schemas_and_agree_with_each_other_and_the_program() {
    let output = check(&root(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_process_is_given_a_valid_configuration() {
    let output = check(&root(), &["--environment"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let processes: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(processes.len() >= 3, "{processes:?}");
    for process in processes {
        let variables = process["environment"].as_object().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let environment = variables.iter().map(|(name, value)| (name.into(), text(value).into())).collect();
        let file = Some(root().join("server/config/distributed.toml"));
        let loaded = load(&Sources { file, environment, flags: Vec::new() })
            .unwrap_or_else(|problems| panic!("{}: {problems}", process["process"]));
        assert_eq!(&*loaded.settings.stores.events, variables["TRIALBRIEF__STORES__EVENTS"].as_str().unwrap());
    }
}

#[test]
fn the_check_of_the_manifests_can_fail() {
    let breaks = [
        ("deploy/compose.yaml", "restart: unless-stopped", "restarts: unless-stopped", "restarts"),
        ("deploy/compose.yaml", "nats:2.15.1-alpine", "nats:latest", "nats:latest is not pinned"),
        ("deploy/compose.yaml", "127.0.0.1:27017:27017", "27017:27017:27017", "mongodb publishes"),
        ("deploy/compose.yaml", "TRIALBRIEF__TRIALS__OPENERS", "TRIALBRIEF__TRIALS__OPENER", "no setting"),
        ("deploy/compose.yaml", "--roles, renderer", "--roles, mailer", "a role is given twice"),
        ("deploy/compose.yaml", "@nats:4222?", "@nats:4333?", "asks nats:4333"),
        ("deploy/compose.yaml", "stop_grace_period: 30s", "stop_grace_period: 10s", "is killed after"),
        ("deploy/.env.example", "S3_SECRET_KEY=\n", "", ".env.example"),
        ("deploy/nats.conf", "sync_interval: always", "sync_interval: 2m", "sync_interval is not always"),
        ("deploy/nats.conf", "store_dir: /data", "store_dir: [", "nats.conf"),
        ("deploy/Dockerfile", "EXPOSE 8080", "EXPOSE 8081", "Dockerfile: port"),
        ("deploy/Dockerfile", "USER 65532", "USER 1000", "the image as 1000"),
        ("deploy/Dockerfile.dockerignore", "!web\n", "", "the build needs"),
        ("deploy/kubernetes/base/process.yaml", "failureThreshold: 720", "failureThresholds: 720", "failureThresholds"),
        ("deploy/kubernetes/base/process.yaml", "8080/readyz", "8081/readyz", "does not ask"),
        ("deploy/kubernetes/base/roles.yaml", "requests: { cpu: 250m, ", "requests: { ", "resources are missing"),
        ("deploy/kubernetes/base/disruption-budgets.yaml", "name: mailer", "name: other", "no disruption budget"),
        ("deploy/kubernetes/base/network-policies.yaml", "port: 4222", "port: 4223", "STORES__QUEUE needs port"),
        ("deploy/kubernetes/base/secret.example.yaml", "__KEYS:", "__KEY:", "no setting"),
        ("deploy/kubernetes/keda/scaled-objects.yaml", "name: analyst }", "name: analysts }", "are scaled"),
        ("deploy/kubernetes/keda/scaled-objects.yaml", "maxReplicaCount: 4", "maxReplicaCount: 6", "never comes to 6"),
        (
            "server/config/distributed.toml",
            "listen = \"127.0.0.1:8080\"",
            "listen = \"127.0.0.1:9090\"",
            "where the program listens",
        ),
    ];
    let copy = tempfile::tempdir().unwrap();
    for path in READ {
        copy_tree(&root().join(path), &copy.path().join(path));
    }
    assert!(check(copy.path(), &[]).status.success(), "the copy itself");
    for (path, found, put, complaint) in breaks {
        let path = copy.path().join(path);
        let whole = fs::read_to_string(&path).unwrap();
        assert!(whole.contains(found), "{}: {found:?} is not there any more", path.display());
        fs::write(&path, whole.replacen(found, put, 1)).unwrap();
        let output = check(copy.path(), &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(complaint), "{found:?} -> {put:?}: {said}");
        assert!(!said.contains("Traceback"), "{said}");
        fs::write(&path, whole).unwrap();
    }
}

fn check(root: &Path, arguments: &[&str]) -> Output {
    let python = std::env::var("TRIALBRIEF_PYTHON").expect("set TRIALBRIEF_PYTHON as scripts/test does");
    Command::new(python).arg(SCRIPT).arg(root).args(arguments).output().expect("TRIALBRIEF_PYTHON names a Python")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn copy_tree(from: &Path, to: &Path) {
    if from.is_file() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy_tree(&from.join(&name), &to.join(&name));
    }
}
