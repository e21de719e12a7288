//! Cadences and due times.
