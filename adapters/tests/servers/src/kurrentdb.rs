//! KurrentDB's stand-in, a program of its own over the SQLite event log; or the real server that `TRIALBRIEF_TEST_KURRENTDB` names.
