//! What Trialbrief does by itself: relay, analyst, scheduler, dispatcher, renderer, mailer, sweeper.

pub mod analysis;
