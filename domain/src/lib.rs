//! What can happen: aggregates, events, refusals, schedules, periods, figures, access.
//!
//! Pure and synchronous. Nothing here reads a clock, a file or the network; time and look-ups arrive inside commands.

pub mod findings;
pub mod measures;
pub mod period;
pub mod schedule;
