//! The MongoDB adapters keep the contracts; and what a server that refuses, vanishes or is shared can do to them.

mod documents;
mod people;
mod views;
