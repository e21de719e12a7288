//! Words all routes share: problem, caller, cursor, preconditions.
