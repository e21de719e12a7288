//! What one may ask Trialbrief to do: one file per command with its route.
