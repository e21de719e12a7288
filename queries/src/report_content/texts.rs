//! What a report prints in clear: sealed texts, opened, and names of people.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::UserId;
use domain::sealed::Sealed;
use ports::Result;

use crate::Queries;

/// Stands in place of a text whose key was destroyed.
pub(super) const ERASED: &str = "[erased]";

/// Opens what is sealed, and remembers what was printed and what could not be.
pub(super) struct Texts<'a> {
    queries: &'a Queries,
    /// Names that an earlier rendering printed; without them the directory is asked.
    printed: Option<BTreeMap<UserId, String>>,
    /// Names printed.
    pub(super) names: BTreeMap<UserId, String>,
    /// Owners of destroyed keys whose text would be printed.
    pub(super) erased: BTreeSet<String>,
}

impl<'a> Texts<'a> {
    pub(super) const fn new(queries: &'a Queries, printed: Option<BTreeMap<UserId, String>>) -> Self {
        Self { queries, printed, names: BTreeMap::new(), erased: BTreeSet::new() }
    }

    /// A sealed text, or what stands in its place.
    pub(super) async fn text(&mut self, sealed: &Sealed) -> Result<String> {
        let text = self.queries.keys.open(sealed).await?;
        Ok(text.unwrap_or_else(|| {
            self.erased.insert(sealed.owner.clone());
            ERASED.to_owned()
        }))
    }

    /// The file's name in a sealed record.
    pub(super) async fn file_name(&mut self, record: &Sealed) -> Result<String> {
        let opened = self.queries.keys.open_record(record).await?;
        if opened.is_empty() {
            self.erased.insert(record.owner.clone());
        }
        Ok(opened.get("Filename").and_then(serde_json::Value::as_str).unwrap_or(ERASED).to_owned())
    }

    /// What each actor is called: with the id behind the name where two have the same.
    pub(super) async fn actors(&mut self, actors: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
        let mut called = BTreeMap::new();
        let mut bearers: BTreeMap<String, usize> = BTreeMap::new();
        for actor in actors {
            let name = self.name(actor).await?;
            *bearers.entry(name.clone()).or_default() += 1;
            called.insert(actor.clone(), name);
        }
        for (actor, name) in &mut called {
            if bearers.get(name).is_some_and(|bearers| *bearers > 1) {
                *name = format!("{name} ({actor})");
            }
        }
        Ok(called)
    }

    /// A person's name as it was printed before, or as the directory has it now; else the id.
    async fn name(&mut self, actor: &str) -> Result<String> {
        if actor == "external" {
            return Ok("another program".to_owned());
        }
        let Ok(user) = UserId::parse("actor", actor) else { return Ok(actor.to_owned()) };
        let name = match &self.printed {
            Some(printed) => printed.get(&user).cloned(),
            None => self.queries.directory.person(actor).await?.map(|person| person.name),
        };
        let Some(name) = name else { return Ok(actor.to_owned()) };
        self.names.insert(user, name.clone());
        Ok(name)
    }
}
