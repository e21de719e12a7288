//! What is moved thing by thing, each under a name, before the events.

use std::cmp::Ordering;

use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ports::{Error, Result};

use super::Compared;
use super::progress::Progress;
use super::retry::retried;

/// Things moved beside each other, so that they share commits and round trips.
const TOGETHER: usize = 16;
/// Differences told of one kind.
const TOLD: usize = 5;

pub(super) type Items<T> = BoxStream<'static, Result<(String, T)>>;

/// One kind of things, listed in order of their names on both sides.
#[async_trait]
pub(super) trait Part: Sync {
    type Value: PartialEq + Clone + Send + Sync + 'static;
    /// As messages name it.
    fn what(&self) -> &'static str;
    fn source(&self) -> Items<Self::Value>;
    fn target(&self) -> Items<Self::Value>;
    /// Copies it to the target; no error where it is there already.
    async fn copy(&self, name: &str, value: &Self::Value) -> Result<()>;
    /// Why this cannot be moved.
    fn refused(&self, _name: &str, _value: &Self::Value) -> Option<&'static str> {
        None
    }
    /// Whether what stands under equal values is equal too.
    async fn is_equal_within(&self, _name: &str) -> Result<bool> {
        Ok(true)
    }
}

/// A name with what each side has under it.
struct Pair<T> {
    name: String,
    source: Option<T>,
    target: Option<T>,
}

/// Both sides merged by name.
fn pairs<P: Part>(part: &P) -> BoxStream<'static, Result<Pair<P::Value>>> {
    let (source, target) = (part.source().peekable(), part.target().peekable());
    stream::try_unfold((Box::pin(source), Box::pin(target)), |(mut source, mut target)| async move {
        let order = match (source.as_mut().peek().await, target.as_mut().peek().await) {
            (None, None) => return Ok(None),
            (Some(Err(error)), _) | (_, Some(Err(error))) => return Err(error.clone()),
            (Some(Ok(_)), None) => Ordering::Less,
            (None, Some(Ok(_))) => Ordering::Greater,
            (Some(Ok((a, _))), Some(Ok((b, _)))) => a.cmp(b),
        };
        let here = if order.is_le() { source.next().await.transpose()? } else { None };
        let there = if order.is_ge() { target.next().await.transpose()? } else { None };
        let name = here.as_ref().or(there.as_ref()).map(|(name, _)| name.clone()).unwrap_or_default();
        let pair = Pair { name, source: here.map(|(_, value)| value), target: there.map(|(_, value)| value) };
        Ok::<_, Error>(Some((pair, (source, target))))
    })
    .boxed()
}

/// Refuses a target that holds anything but a part of the source, or all of it where the events have begun.
pub(super) async fn survey<P: Part>(part: &P, is_begun: bool, progress: &mut Progress) -> anyhow::Result<()> {
    let what = part.what();
    progress.begin(format!("looking at {what}"));
    let mut pairs = pairs(part);
    while let Some(pair) = pairs.next().await {
        let Pair { name, source, target } = pair.with_context(|| format!("{what}: cannot be listed"))?;
        let Some(source) = source else {
            bail!("{what}: the target holds {name}, which the source does not: give an empty target");
        };
        if let Some(why) = part.refused(&name, &source) {
            bail!("{what}: {name} of the source cannot be moved: {why}");
        }
        progress.inc(1);
        match target {
            Some(target) => {
                ensure!(source == target, "{what}: {name} is another one at the target: give an empty target");
            }
            None => ensure!(
                !is_begun,
                "{what}: {name} is not at the target, where events stand already: the source went on after the migration \
                 began; give an empty target and begin anew"
            ),
        }
    }
    Ok(())
}

/// Copies what the target does not have.
pub(super) async fn copy<P: Part>(part: &P, progress: &mut Progress) -> anyhow::Result<()> {
    let what = part.what();
    progress.begin(format!("moving {what}"));
    let progress = &*progress;
    pairs(part)
        .map(|pair| pair.with_context(|| format!("{what}: cannot be listed")))
        .try_for_each_concurrent(TOGETHER, |pair| async move {
            if let (Some(value), None) = (pair.source, pair.target) {
                let moved = retried(|| part.copy(&pair.name, &value)).await;
                moved.with_context(|| format!("{what}: moving {}", pair.name))?;
                progress.inc(1);
            }
            Ok(())
        })
        .await
}

/// Compares both sides whole.
pub(super) async fn verify<P: Part>(part: &P, progress: &mut Progress) -> anyhow::Result<Compared> {
    let what = part.what();
    progress.begin(format!("comparing {what}"));
    let (mut source, mut target, mut differences) = (0_u64, 0_u64, Vec::new());
    let mut looked = pairs(part)
        .map(|pair| async move {
            let Pair { name, source, target } = pair?;
            let is_equal = source == target && retried(|| part.is_equal_within(&name)).await?;
            Ok::<_, Error>((name, source.is_some(), target.is_some(), is_equal))
        })
        .buffered(TOGETHER);
    while let Some(found) = looked.next().await {
        let (name, here, there, is_equal) = found.with_context(|| format!("{what}: comparing both sides"))?;
        source += u64::from(here);
        target += u64::from(there);
        if !is_equal && differences.len() < TOLD {
            let how = if here && there {
                "differs"
            } else if here {
                "is missing"
            } else {
                "is only at the target"
            };
            differences.push(format!("{name} {how}"));
        }
        progress.inc(1);
    }
    Ok(Compared { what, source: source.to_string(), target: target.to_string(), differences })
}
