//! What the reader gets: ready figures become a PDF and a mail. No ports, no clock.
