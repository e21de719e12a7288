//! What one process of several does: `serve --roles api,relay,…`.

use std::collections::BTreeSet;
use std::str::FromStr;

/// A part of the program that may run in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The API and the browser client.
    Api,
    /// From the collection to the log; with it the sweeper and the reconciler.
    Relay,
    /// From the log to the views.
    Projector,
    /// Due slots to occurrences.
    Scheduler,
    /// Open work to the queue.
    Dispatcher,
    /// Contents to figures.
    Analyst,
    /// Reports to PDFs.
    Renderer,
    /// Deliveries to outcomes.
    Mailer,
}

impl Role {
    /// All roles, in the order in which one's work is the next one's.
    pub const ALL: [Self; 8] = [
        Self::Api,
        Self::Relay,
        Self::Projector,
        Self::Scheduler,
        Self::Dispatcher,
        Self::Analyst,
        Self::Renderer,
        Self::Mailer,
    ];

    /// Its name in the setting `roles`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Relay => "relay",
            Self::Projector => "projector",
            Self::Scheduler => "scheduler",
            Self::Dispatcher => "dispatcher",
            Self::Analyst => "analyst",
            Self::Renderer => "renderer",
            Self::Mailer => "mailer",
        }
    }
}

/// The roles of a process, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Everything in one process.
    #[must_use]
    pub fn all() -> Self {
        Self(Role::ALL.into())
    }

    /// Whether this process has a role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether nothing is left to other processes.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.len() == Role::ALL.len()
    }
}

impl FromStr for Roles {
    type Err = String;

    /// Names with commas between; an unknown one is told with the choices.
    fn from_str(text: &str) -> Result<Self, String> {
        let role = |name: &str| {
            Role::ALL
                .into_iter()
                .find(|role| role.name() == name)
                .ok_or_else(|| format!("there is no role {name:?}; there are {}", Role::ALL.map(Role::name).join(", ")))
        };
        text.split(',').map(|name| role(name.trim())).collect::<Result<_, _>>().map(Self)
    }
}
