//! What the reader gets: ready figures become a PDF and a mail. No ports, no clock.
//!
//! [`content::ReportContent`] holds everything a page shows, already computed. [`pdf::render`] lays it out, the same
//! bytes for the same input; [`mail::compose`] writes the message that carries it.

pub mod content;
pub mod mail;
pub mod pdf;
pub mod sample;
pub mod wording;
