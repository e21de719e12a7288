//! Which of several processes does what only one of them should do.

use async_trait::async_trait;

use crate::Result;

/// Gives each role to one process at a time. It only saves work: what is written is guarded by exact revisions, positions and
/// tokens, so that two holders do no harm.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the role for a few seconds, or keeps it for a few more; false where another process has it. A process that says
    /// nothing loses it.
    async fn hold(&self, role: &str) -> Result<bool>;
    /// Gives the role up, where this process has it, so that another need not wait.
    async fn release(&self, role: &str) -> Result<()>;
}
