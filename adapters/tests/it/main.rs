//! Every adapter passes its port's contract suite. What is not in a suite may not be relied on.

mod contracts;
mod local;
mod sqlite;
