//! Settings by their path, each taken from the last place that names it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use toml::{Table, Value};

use super::problem::Problem;
use super::store_url::masked_value;
use super::{Config, DEFAULTS, FILE_VARIABLE, Sources};

/// Begins the names of the environment variables that are settings.
const PREFIX: &str = "TRIALBRIEF__";

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Nowhere else.
    Default,
    /// In a configuration file.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
    /// On the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("the default"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::Flag => formatter.write_str("command line"),
        }
    }
}

/// One setting.
#[derive(Clone)]
pub(super) struct Entry {
    /// Its name with that of its section: `mail.url`.
    pub(super) path: String,
    /// A string or an integer.
    pub(super) value: Value,
    /// Where it was written.
    pub(super) source: Source,
}

/// All settings there are, in the order of the defaults.
#[derive(Clone)]
pub(super) struct Layers(Vec<Entry>);

impl Layers {
    /// Reads all sources. A setting that cannot be taken keeps its value from before, so that the others can be checked.
    pub(super) fn read(sources: &Sources) -> (Self, Vec<Problem>) {
        let defaults: Table = DEFAULTS.parse().expect("the defaults are compiled in, and a test reads them");
        let mut entries = Vec::new();
        collect_defaults("", defaults, &mut entries);
        let mut layers = Self(entries);
        let mut problems = Vec::new();

        if let Some(path) = file(sources) {
            match parse(&path) {
                Ok(table) => layers.take_table("", table, &Source::File(path), &mut problems),
                Err(problem) => problems.push(problem),
            }
        }
        for (name, value) in &sources.environment {
            let Some(path) = name.to_str().and_then(setting_of_variable) else { continue };
            let source = Source::Variable(name.to_string_lossy().into_owned());
            layers.take_text(&path, value, source, &mut problems);
        }
        for (path, value) in &sources.flags {
            layers.take_text(path, OsStr::new(value), Source::Flag, &mut problems);
        }
        layers.expand(&mut problems);
        (layers, problems)
    }

    /// All settings.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    /// Where a setting was written.
    pub(super) fn source(&self, path: &str) -> &Source {
        self.0.iter().find(|entry| entry.path == path).map_or(&Source::Default, |entry| &entry.source)
    }

    /// The settings as a structure.
    pub(super) fn config(&self) -> Result<Config, Vec<Problem>> {
        let mut table = Table::new();
        for Entry { path, value, .. } in &self.0 {
            match path.split_once('.') {
                None => drop(table.insert(path.clone(), value.clone())),
                Some((section, key)) => {
                    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
                    if let Value::Table(section) = section {
                        section.insert(key.to_owned(), value.clone());
                    }
                }
            }
        }
        table.try_into().map_err(|error| {
            vec![Problem {
                subject: "configuration".to_owned(),
                found: error.message().to_owned(),
                remedy: "see the annotated defaults".to_owned(),
            }]
        })
    }

    fn take_table(&mut self, above: &str, table: Table, source: &Source, problems: &mut Vec<Problem>) {
        for (key, value) in table {
            let path = joined(above, &key);
            match value {
                Value::Table(table) if self.is_section(&path) => self.take_table(&path, table, source, problems),
                value => self.take(&path, value, source.clone(), problems),
            }
        }
    }

    /// Takes a value that is written as text, whatever its type.
    fn take_text(&mut self, path: &str, text: &OsStr, source: Source, problems: &mut Vec<Problem>) {
        let Some(text) = text.to_str() else {
            problems.push(Problem {
                subject: path.to_owned(),
                found: format!("found bytes that are no text ({source})"),
                remedy: "write it in UTF-8".to_owned(),
            });
            return;
        };
        let is_integer = self.0.iter().any(|entry| entry.path == path && entry.value.is_integer());
        let integer = text.trim().replace('_', "").parse().ok().filter(|_| is_integer);
        self.take(path, integer.map_or_else(|| Value::from(text), Value::Integer), source, problems);
    }

    fn take(&mut self, path: &str, value: Value, source: Source, problems: &mut Vec<Problem>) {
        let problem = |found, remedy| Problem { subject: path.to_owned(), found, remedy };
        let is_section = self.is_section(path);
        let nearest = self.nearest(path);
        let Some(entry) = self.0.iter_mut().find(|entry| entry.path == path) else {
            problems.push(if is_section {
                let remedy = format!("it is a section; a setting in it is {nearest:?}");
                problem(format!("found {} ({source})", kind(&value)), remedy)
            } else {
                problem(format!("unknown setting ({source})"), format!("the nearest one there is: {nearest:?}"))
            });
            return;
        };
        let expected = match (&entry.value, &value) {
            (Value::Integer(_), Value::Integer(0..)) | (Value::String(_), Value::String(_)) => {
                entry.value = value;
                entry.source = source;
                return;
            }
            (Value::Integer(_), _) => "it is a whole number, not negative, without a unit",
            (_, _) => "it is a text, in quotes",
        };
        let found = match &value {
            Value::Table(_) | Value::Array(_) => kind(&value).to_owned(),
            plain => masked_value(plain),
        };
        problems.push(problem(format!("found {found} ({source})"), format!("{expected}, such as {}", entry.value)));
    }

    fn is_section(&self, path: &str) -> bool {
        self.0.iter().any(|entry| entry.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The setting whose path or name is most like this one's, or whose section is most like it.
    fn nearest(&self, path: &str) -> String {
        let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let likeness = |entry: &Entry| {
            let of_path = strsim::normalized_damerau_levenshtein(path, &entry.path);
            let of_name = strsim::normalized_damerau_levenshtein(&name(path), &name(&entry.path));
            let section = entry.path.split_once('.').map_or("", |(section, _)| section);
            let of_section = strsim::normalized_damerau_levenshtein(path, section);
            // A little for the right section, where several sections have a setting of this name.
            of_path.max(of_name).max(of_section) + of_path / 100.0
        };
        let best = self.0.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        best.map(|entry| entry.path.clone()).unwrap_or_default()
    }

    /// Replaces `{data}` in URLs, and `{listen}` in the base URL.
    fn expand(&mut self, problems: &mut Vec<Problem>) {
        let text = |path: &str| {
            let entry = self.0.iter().find(|entry| entry.path == path);
            entry.and_then(|entry| entry.value.as_str()).unwrap_or_default().to_owned()
        };
        let (data, listen) = (text("data"), text("listen"));
        for entry in &mut self.0 {
            let (name, replacement) = match entry.path.as_str() {
                "base_url" => ("{listen}", listen.as_str()),
                "mail.url" => ("{data}", data.trim_end_matches('/')),
                path if path.starts_with("stores.") => ("{data}", data.trim_end_matches('/')),
                _ => continue,
            };
            let Value::String(text) = &mut entry.value else { continue };
            if text.replace(name, "").contains(['{', '}']) {
                problems.push(Problem {
                    subject: entry.path.clone(),
                    found: format!("found {} ({})", masked_value(&Value::from(text.clone())), entry.source),
                    remedy: format!("{name} is the only name that is replaced here; other braces are %7B and %7D"),
                });
            }
            *text = text.replace(name, replacement);
        }
    }
}

fn collect_defaults(above: &str, table: Table, entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let path = joined(above, &key);
        match value {
            Value::Table(table) => collect_defaults(&path, table, entries),
            value => entries.push(Entry { path, value, source: Source::Default }),
        }
    }
}

fn joined(above: &str, key: &str) -> String {
    if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Table(_) => "a section",
        Value::Array(_) => "a list",
        _ => "a value",
    }
}

fn file(sources: &Sources) -> Option<PathBuf> {
    let variable = sources.environment.iter().find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
    sources.file.clone().or_else(|| variable.map(|(_, path)| PathBuf::from(path)))
}

fn setting_of_variable(name: &str) -> Option<String> {
    name.strip_prefix(PREFIX).map(|path| path.to_ascii_lowercase().replace("__", "."))
}

fn parse(path: &Path) -> Result<Table, Problem> {
    let problem =
        |found, remedy: &str| Problem { subject: path.display().to_string(), found, remedy: remedy.to_owned() };
    let text = fs::read_to_string(path)
        .map_err(|error| problem(error.to_string(), "name a readable configuration file in UTF-8"))?;
    text.parse().map_err(|error: toml::de::Error| {
        // Only the place: `Display` of the error repeats the line, which may hold a password.
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        problem(format!("no TOML in line {line}: {}", error.message()), "see https://toml.io")
    })
}
