//! The rules that the compiler does not check: which crate may use which, how long a file is, who reads the clock,
//! what the documents point to.
//!
//! Each rule is a function from text to complaints, so that a second test can show it to fail.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// The most lines that a source file has, tests apart.
const LINES: usize = 500;

/// Our crates, by the name of their directory, and which of our crates each may use.
const ARROWS: [(&str, &[&str]); 11] = [
    ("domain", &[]),
    ("ports", &[]),
    ("adapters", &["ports"]),
    // Support of tests: no crate but theirs uses it.
    ("servers", &["adapters", "ports"]),
    ("report", &["domain"]),
    ("projections", &["domain", "ports"]),
    ("http", &["domain", "ports"]),
    ("commands", &["domain", "ports", "http"]),
    ("queries", &["projections", "report", "domain", "ports", "http"]),
    ("processors", &["commands", "queries", "report", "projections", "domain", "ports", "http"]),
    ("server", &["adapters", "commands", "domain", "http", "ports", "processors", "projections", "queries", "report"]),
];

/// What only `report` may use.
const PDF: [&str; 2] = ["krilla", "pdf-writer"];

/// Reads of the machine's clock; all but the last are for `ports::Clock` alone.
const CLOCKS: [&str; 4] = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"];

/// What a file is not to hold outside tests.
const UNFINISHED: [&str; 3] = [".unwrap()", "todo!(", "dbg!("];

/// Directories of developers' machines.
const MACHINES: [&str; 4] = ["/home/", "/root/", "/work/", "/tmp/"];

/// What diagrams are drawn from.
const DIAGRAM_SOURCES: [&str; 5] = ["d2", "mmd", "dot", "puml", "py"];

#[test]
fn no_crate_uses_another_but_along_the_arrows() {
    let crates = crates();
    assert_eq!(crates.len(), ARROWS.len());
    none(&arrows(&crates));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let without = crates().into_iter().filter(|package| {
        let manifest: toml::Table = fs::read_to_string(&package.manifest).unwrap().parse().unwrap();
        manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) != Some(true)
    });
    none(&without.map(|package| format!("{}: no `[lints] workspace = true`", package.folder)).collect::<Vec<_>>());
}

#[test]
fn sources_are_short_finished_and_do_not_read_the_clock() {
    let files = files();
    let sources: BTreeMap<_, _> = files.iter().filter(|(path, _)| has_extension(path, "rs")).collect();
    assert!(sources.len() > 100, "only {} sources: is this the whole tree?", sources.len());
    let test_modules: BTreeSet<_> = sources.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let ours = sources.iter().filter(|(path, _)| !is_test(path) && !test_modules.contains(Path::new(path)));
    none(&ours.flat_map(|(path, text)| complaints_about_source(path, text)).collect::<Vec<_>>());
}

#[test]
fn every_port_has_a_contract() {
    let root = root();
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let list = read("adapters/tests/it/contracts/mod.rs");
    let mut ports = 0;
    let mut missing = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| path.starts_with("ports/src/")) {
        // Workers are ours on both sides: no adapter implements them.
        if !text.contains("pub trait ") || path.ends_with("/worker.rs") {
            continue;
        }
        ports += 1;
        let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
        let suite = root.join(format!("adapters/tests/it/contracts/{name}.rs"));
        if !suite.exists() || !list.contains(&format!("pub mod {name};")) {
            missing.push(format!("{path}: no suite {name} in adapters/tests/it/contracts"));
        }
    }
    assert!(ports >= 8, "only {ports} ports found");
    none(&missing);
}

#[test]
fn the_report_names_no_port() {
    let files = files();
    let sources = files.iter().filter(|(path, _)| path.starts_with("report/src/") && has_extension(path, "rs"));
    let naming = sources.filter(|(_, text)| text.contains("ports::"));
    none(&naming.map(|(path, _)| format!("{path}: names a port")).collect::<Vec<_>>());
}

#[test]
fn links_lead_to_files() {
    let root = root();
    let files = files();
    let documents = files.iter().filter(|(path, _)| path.as_str() == "README.md" || is_document(path));
    let broken = documents.flat_map(|(path, text)| {
        let folder = root.join(path).parent().unwrap().to_owned();
        let missing = local_links(text).into_iter().filter(move |link| !folder.join(link).exists());
        missing.map(move |link| format!("{path}: {link} does not exist")).collect::<Vec<_>>()
    });
    none(&broken.collect::<Vec<_>>());
}

#[test]
fn every_diagram_has_its_source() {
    let diagrams: Vec<_> = paths().into_iter().filter(|path| path.starts_with("diagrams/")).collect();
    none(&complaints_about_diagrams(&diagrams));
}

#[test]
fn nothing_names_a_developers_machine() {
    // This file names them; Dockerfiles and what describes them name the directories of containers.
    let files = files();
    let checked = files.iter().filter(|(path, _)| path.as_str() != "server/tests/tidy.rs" && !is_container(path));
    none(&checked.flat_map(|(path, text)| machines(path, text)).collect::<Vec<_>>());
}

#[test]
fn these_rules_can_be_broken() {
    let package = |folder: &str, uses: &[&str]| Package {
        folder: folder.to_owned(),
        manifest: PathBuf::new(),
        uses: uses.iter().map(|name| (*name).to_owned()).collect(),
    };
    let wrong =
        [package("report", &["ports", "krilla"]), package("commands", &["krilla", "domain"]), package("tools", &[])];
    assert_eq!(arrows(&wrong).len(), 3);

    let about = |text: &str| complaints_about_source("domain/src/a.rs", text).len();
    assert_eq!(about(&"//!\n".repeat(LINES)), 0);
    assert_eq!(about(&"//!\n".repeat(LINES + 1)), 1);
    assert_eq!(about("let a = b.unwrap();\ntodo!();\ndbg!(a);\n// c.unwrap()\n"), 3);
    assert_eq!(about("let a = 1;\n#[cfg(test)]\nmod tests {\n    b.unwrap();\n}\n"), 0);
    assert_eq!(about("#[cfg(test)]\nmod tests;\n\nlet a = b.unwrap();\n"), 1);
    assert_eq!(about("SystemTime::now();\nlet a = jiff::Timestamp::now();\nZoned::now();\nInstant::now();\n"), 4);
    assert_eq!(about("#[expect(clippy::disallowed_methods)]\nfn now() -> Instant {\n    Instant::now()\n}\n"), 0);
    assert_eq!(about("#[expect(clippy::disallowed_methods)]\nTimestamp::now()\n"), 1);
    assert_eq!(test_modules("a/src/lib.rs", "#[cfg(test)]\nmod given;\nmod other;\n"), [Path::new("a/src/given.rs")]);
    assert_eq!(test_modules("a/src/b.rs", "#[cfg(test)]\npub(crate) mod c;\n"), [Path::new("a/src/b/c.rs")]);

    assert_eq!(
        local_links(
            "[a](b.md#c) ![d](<e f.svg>) [g](https://h) [i](#j) [k](l.md \"m\") `[n](o)`\n```\n[p](q)\n```\n[r]: s.md\n"
        ),
        ["b.md", "e f.svg", "l.md", "s.md"]
    );

    let diagrams = ["diagrams/a.svg", "diagrams/a.d2", "diagrams/b.svg", "diagrams/c.py", "diagrams/README.md"];
    assert_eq!(complaints_about_diagrams(&diagrams.map(str::to_owned)).len(), 2);

    assert_eq!(machines("docs/a.md", "see /home/me/x, file:///tmp/y and (/work/z)").len(), 3);
    assert_eq!(machines("docs/a.md", "https://example.org/home/ target/tmp/ $HOME/work/").len(), 0);
    assert_eq!(machines("http/tests/it/main.rs", "/tmp/x /root/y").len(), 1);
}

/// A crate of the workspace.
struct Package {
    /// Its directory, by which we call it.
    folder: String,
    manifest: PathBuf,
    /// What it depends on beside its tests: ours by directory, others by name.
    uses: BTreeSet<String>,
}

fn crates() -> Vec<Package> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name_of_folder = |folder: &Path| folder.file_name().unwrap().to_str().unwrap().to_owned();
    let package = |package: &Value| {
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let used = dependencies.filter(|dependency| dependency["kind"] != "dev");
        let uses = used.map(|dependency| match dependency["path"].as_str() {
            Some(folder) => name_of_folder(Path::new(folder)),
            None => dependency["name"].as_str().unwrap().to_owned(),
        });
        Package { folder: name_of_folder(manifest.parent().unwrap()), uses: uses.collect(), manifest }
    };
    packages.iter().map(package).collect()
}

fn arrows(packages: &[Package]) -> Vec<String> {
    let allowed = BTreeMap::from(ARROWS);
    let mut complaints = Vec::new();
    for Package { folder, uses, .. } in packages {
        let Some(may_use) = allowed.get(folder.as_str()) else {
            complaints.push(format!("{folder}: no arrow is known for this crate"));
            continue;
        };
        for used in uses {
            let is_pdf = PDF.contains(&used.as_str()) && folder != "report";
            let is_arrow = allowed.contains_key(used.as_str()) && !may_use.contains(&used.as_str());
            if is_pdf || is_arrow {
                complaints.push(format!("{folder} uses {used}"));
            }
        }
    }
    complaints
}

fn complaints_about_source(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let mut complaints = Vec::new();
    if lines.len() > LINES {
        complaints.push(format!("{path}: {} lines, at most {LINES}", lines.len()));
    }
    // Tests that stand in the file itself are its end.
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    for (index, line) in lines.iter().enumerate().take(tests.unwrap_or(lines.len())) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let mut complain = |what: &str| complaints.push(format!("{path}:{}: {what}", index + 1));
        UNFINISHED.iter().filter(|word| line.contains(**word)).for_each(|word| complain(word));
        let reads = CLOCKS.iter().filter(|clock| line.contains(**clock));
        reads.filter(|clock| !may_read(clock, path, text, &lines[..index])).for_each(|clock| complain(clock));
    }
    complaints
}

/// The clock itself reads the time; a limit on computing time says that it measures. The timers of tokio have a clock of
/// their own, which tells no time of day.
fn may_read(clock: &str, path: &str, text: &str, before: &[&str]) -> bool {
    // Spans are told in the time of machines, and nothing is decided by it.
    if path == "server/src/telemetry.rs" {
        return true;
    }
    let says_so = before.iter().rev().take(3).any(|line| line.contains("#[expect(clippy::disallowed_methods"));
    path == "ports/src/clock.rs"
        || (clock == "Instant::now"
            && (says_so || text.contains("use tokio::time::{Instant") || text.contains("use tokio::time::Instant")))
}

/// The files of modules that a file declares for tests only.
fn test_modules(path: &str, text: &str) -> Vec<PathBuf> {
    let path = Path::new(path);
    let is_root = ["lib", "main", "mod"].iter().any(|root| path.file_stem().is_some_and(|stem| stem == *root));
    let folder = if is_root { path.parent().unwrap().to_owned() } else { path.with_extension("") };
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
        let name = pair[1].strip_suffix(';')?.rsplit_once("mod ")?.1;
        Some(folder.join(format!("{name}.rs")))
    });
    declared.collect()
}

fn complaints_about_diagrams(paths: &[String]) -> Vec<String> {
    let with = |extensions: &[&str]| -> BTreeSet<PathBuf> {
        let chosen = paths.iter().filter(|path| extensions.iter().any(|extension| has_extension(path, extension)));
        chosen.map(|path| Path::new(path).with_extension("")).collect()
    };
    let (pictures, sources) = (with(&["svg"]), with(&DIAGRAM_SOURCES));
    let without_source = pictures.difference(&sources).map(|stem| format!("{}.svg has no source", stem.display()));
    let without_picture = sources.difference(&pictures).map(|stem| format!("{} has no SVG", stem.display()));
    without_source.chain(without_picture).collect()
}

/// Targets of links to files, without their anchors; code apart.
fn local_links(markdown: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        links.extend(prose.split("](").skip(1).filter_map(target));
        if let Some((_, reference)) = prose.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            links.push(reference.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }
    let local = links.iter().map(|link| link.split('#').next().unwrap_or_default());
    local
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

fn target(after: &str) -> Option<String> {
    let target = match after.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.0,
        None => after.split_once(')')?.0.split_whitespace().next()?,
    };
    Some(target.to_owned())
}

/// Absolute paths of a developer's machine; tests may use the usual place for what passes.
fn machines(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for folder in MACHINES {
            let starts_here = line.match_indices(folder).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|before| before.is_alphanumeric() || "._-~}".contains(before))
            });
            if starts_here && !(folder == "/tmp/" && is_test(path)) {
                complaints.push(format!("{path}:{}: names {folder}", index + 1));
            }
        }
    }
    complaints
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || ["/tests/", "/benches/", "/examples/"].iter().any(|folder| path.contains(folder))
}

fn is_document(path: &str) -> bool {
    path.starts_with("docs/") && has_extension(path, "md")
}

fn is_container(path: &str) -> bool {
    path.starts_with("deploy/") || path.contains("Dockerfile") || path.contains("container")
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// The tree this test was compiled in.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files that are or could be committed, from the root of the tree.
fn paths() -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files: install git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).unwrap();
    let paths: BTreeSet<_> = list.split_terminator('\0').filter(|path| root().join(path).is_file()).collect();
    assert!(!paths.is_empty(), "git lists no files");
    paths.into_iter().map(str::to_owned).collect()
}

/// All files that are text.
fn files() -> BTreeMap<String, String> {
    let read = |path: String| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    paths().into_iter().filter_map(read).collect()
}

#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n  {}", complaints.len(), complaints.join("\n  "));
}
