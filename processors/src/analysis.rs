//! What a file holds: measures, findings and a thumbnail.
