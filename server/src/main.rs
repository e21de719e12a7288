//! Trialbrief, the program.

use std::process::ExitCode;

fn main() -> ExitCode {
    trialbrief::cli::main()
}
