//! What can happen: aggregates, events, refusals, schedules, periods, figures, access.
//!
//! Pure and synchronous. Nothing here reads a clock, a file or the network; time and look-ups arrive inside commands.

pub mod access;
pub mod aggregate;
pub mod any_event;
pub mod clock;
pub mod content;
pub mod delivery;
pub mod document;
pub mod edition;
pub mod figures;
pub mod findings;
#[cfg(test)]
mod given;
pub mod id;
pub mod measures;
pub mod membership;
pub mod occurrence;
pub mod period;
pub mod promised;
pub mod report;
pub mod schedule;
pub mod sealed;
pub mod subscription;
pub mod trial;
