//! `docs/events.md`: every event with its fields, made from the doc comments beside the code.

pub mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use domain::any_event::CATEGORIES;

use crate::golden::{Golden, bless, files, path, sisters};
use source::{Item, Member, Shape, items_of};

/// Modules whose types occur in events, in the order of the catalogue's last part.
const SHAPES: &[&str] = &[
    "access",
    "clock",
    "content",
    "delivery",
    "document",
    "edition",
    "findings",
    "measures",
    "period",
    "promised",
    "report",
    "schedule",
    "sealed",
    "subscription",
    "trial",
];

/// What is a single value in JSON.
const VALUES: &[(&str, &str)] = &[
    ("bool", "true or false"),
    ("u8", "whole number"),
    ("u32", "whole number"),
    ("u64", "whole number"),
    ("String", "text"),
    ("Uuid", "UUID"),
    ("Timestamp", "instant (UTC)"),
    ("Date", "date"),
    ("TrialId", "trial id"),
    ("UserId", "user id"),
    ("DocumentId", "document id"),
    ("Code", "code"),
    ("ContentHash", "SHA-256 in hex"),
    ("PerceptualHash", "16 hex digits"),
    ("QuarterTime", "time (`08:00`)"),
    ("MonthDay", "1 to 31"),
    ("Zone", "IANA zone"),
];

const HEAD: &str = "# Events

What the log holds: made by a test from the doc comments in `domain/src`, and compared with them. Each type keeps its name and
meaning for ever; a change of its data is a new version, and older ones stay readable. Beside its data each event has its id,
type, version, the instant at which it was recorded, actor, command, correlation, causation and the hash of its stream's event
before. One example of each type and version, whole, is in `domain/tests/stored_events`.
";

#[test]
fn the_catalogue_of_events_is_up_to_date() {
    let made = catalogue();
    let stored = path("../docs/events.md");
    if bless() {
        std::fs::write(&stored, &made).unwrap();
    }
    let stored = std::fs::read_to_string(stored).unwrap_or_default();
    assert!(stored == made, "docs/events.md is not what the code says; write it with TRIALBRIEF_BLESS=1");
}

#[test]
fn the_catalogue_names_every_type_and_every_field_that_is_stored() {
    for category in CATEGORIES {
        let events = events_of(category);
        let of_category: Vec<_> = files().values().filter(|golden| is_of(golden, category)).collect();
        let described: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(described, sisters(&of_category[0].decode()), "{category}");
        for golden in of_category {
            let event = events.iter().find(|event| event.name == golden.kind).unwrap();
            let described: BTreeSet<_> = fields(event).iter().map(|field| field.name.as_str()).collect();
            let stored: BTreeSet<_> = golden.data.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(described, stored, "{}", golden.kind);
        }
    }
}

fn is_of(golden: &Golden, category: &str) -> bool {
    golden.stream.split_once('-').is_some_and(|(of, _)| of == category)
}

/// The events of an aggregate, whose module is named like its category.
fn events_of(category: &str) -> Vec<Member> {
    let event = items_of(category).into_iter().find(|item| item.name == "Event").unwrap();
    event.members
}

fn fields(member: &Member) -> &[Member] {
    match &member.shape {
        Shape::Fields(fields) => fields,
        Shape::Unit | Shape::Holds(_) => panic!("{} is no struct", member.name),
    }
}

fn catalogue() -> String {
    let mut text = HEAD.to_owned();
    let mut mentioned = BTreeSet::new();
    for category in CATEGORIES {
        let stream = files().values().find(|golden| is_of(golden, category)).unwrap().stream.as_str();
        write!(text, "\n## {}\n\n{} Streams such as `{stream}`.\n", title(category), source::module_doc(category))
            .unwrap();
        for event in events_of(category) {
            let versions =
                files().values().filter(|golden| golden.kind == event.name).map(|golden| golden.version.to_string());
            let versions = versions.collect::<Vec<_>>().join(", ");
            write!(text, "\n### {} (version {versions})\n\n{}\n\n", event.name, event.doc).unwrap();
            text += &table("Field", fields(&event), &mut mentioned);
        }
    }
    text += "\n## What events hold\n";
    text + &shapes(mentioned)
}

fn title(category: &str) -> String {
    let (first, rest) = category.split_at(1);
    first.to_uppercase() + rest
}

/// The types that were mentioned, those that they mention, and so on.
fn shapes(mut mentioned: BTreeSet<String>) -> String {
    let all: BTreeMap<String, Item> =
        SHAPES.iter().flat_map(|module| items_of(module)).map(|item| (item.name.clone(), item)).collect();
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    while let Some(name) = mentioned.pop_first() {
        if !written.contains_key(&name) {
            let item = all.get(&name).unwrap_or_else(|| panic!("{name} is no type of {SHAPES:?}"));
            let (head, rows) = if item.is_enum {
                ("Value", item.members.iter().map(|member| as_value(item, member)).collect())
            } else {
                ("Field", item.members.clone())
            };
            let table = table(head, &rows, &mut mentioned);
            written.insert(name.clone(), format!("\n### Shape {name}\n\n{}\n\n{table}", item.doc));
        }
    }
    written.into_values().collect()
}

/// An enum's variant as it looks in JSON.
fn as_value(item: &Item, variant: &Member) -> Member {
    let name = item.renamed(&variant.name);
    let name = match (&item.tag, &variant.shape) {
        (None, Shape::Unit) => format!("\"{name}\""),
        (None, Shape::Holds(_)) => format!("{{\"{name}\": …}}"),
        (Some(tag), Shape::Unit) => format!("{{\"{tag}\": \"{name}\"}}"),
        (Some(tag), Shape::Holds(_)) => format!("{{\"{tag}\": \"{name}\", …}}"),
        (Some(tag), Shape::Fields(fields)) => {
            let fields: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("{{\"{tag}\": \"{name}\", {}}}", fields.join(", "))
        }
        (None, Shape::Fields(_)) => panic!("{}::{name}: not met yet", item.name),
    };
    Member { name, ..variant.clone() }
}

/// One line for each field or value, with its type where it has one.
fn table(head: &str, members: &[Member], mentioned: &mut BTreeSet<String>) -> String {
    if members.iter().all(|member| matches!(member.shape, Shape::Unit)) {
        let rows = members.iter().map(|member| format!("| `{}` | {} |\n", member.name, member.doc));
        return format!("| {head} | Means |\n|---|---|\n{}", rows.collect::<String>());
    }
    let mut text = format!("| {head} | Is | Means |\n|---|---|---|\n");
    for member in members {
        let holds = match &member.shape {
            Shape::Unit => String::new(),
            Shape::Holds(kind) => say(kind, mentioned),
            Shape::Fields(fields) => {
                fields.iter().map(|field| say_field(field, mentioned)).collect::<Vec<_>>().join(", ")
            }
        };
        writeln!(text, "| `{}` | {holds} | {} |", member.name, member.doc.replace('|', "\\|")).unwrap();
    }
    text
}

fn say_field(field: &Member, mentioned: &mut BTreeSet<String>) -> String {
    match &field.shape {
        Shape::Holds(kind) => say(kind, mentioned),
        Shape::Unit | Shape::Fields(_) => panic!("{} has no type", field.name),
    }
}

/// A Rust type in words; a type with a part of its own is linked.
fn say(kind: &str, mentioned: &mut BTreeSet<String>) -> String {
    let inside = |wrapper: &str| kind.strip_prefix(wrapper)?.strip_prefix('<')?.strip_suffix('>');
    if let Some(kind) = inside("Option") {
        return say(kind, mentioned) + " or null";
    }
    if let Some(kind) = inside("Vec") {
        return format!("list of: {}", say(kind, mentioned));
    }
    if let Some(of) = inside("Id") {
        return format!("{} id", of.to_lowercase());
    }
    if let Some(pair) = kind.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let parts: Vec<_> = pair.split(", ").map(|part| say(part, mentioned)).collect();
        return format!("[{}]", parts.join(", "));
    }
    if let Some((_, words)) = VALUES.iter().find(|(name, _)| *name == kind) {
        return (*words).to_owned();
    }
    mentioned.insert(kind.to_owned());
    format!("[{kind}](#shape-{})", kind.to_lowercase())
}
