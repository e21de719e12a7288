//! What Trialbrief remembers for reading: one file per view.
