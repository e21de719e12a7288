//! Every word of the report and the mail, in English; layout never holds a sentence.
//!
//! Another language is another set of these functions, chosen by the edition.

pub mod dates;
pub mod mail;
pub mod methods;
pub mod numbers;
pub mod report;

#[cfg(test)]
mod tests;
