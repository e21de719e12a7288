//! Trialbrief, the program.
fn main() {}
