//! What one may ask Trialbrief to tell: one file per question with its route.
