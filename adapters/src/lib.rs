//! What Trialbrief plugs into: one file per technology and port.
