//! What an analysis found.
