//! Journeys: stories over HTTP against the whole application, embedded, under a simulated clock.

mod monday;
mod world;
