//! What an analysis measured.
