//! Ways to know who asks: each is a [`SignIn`](crate::SignIn).

pub mod development;
