//! Of nodes that live on. The state is in memory; requests ask the region's hub for news in the background, and wait only when
//! there is nothing to answer from, or when the node has not been in touch for long.

use std::rc::Rc;

use agentidp_shared::feed::{self, Batch};
use agentidp_shared::wire::WireVersions;

use super::contact::Due;
use super::{NotKnown, Source, Unacceptable};
use crate::host::{Host, HubClient, HubUnavailable, Severity, Taken};
use crate::node::Node;

/// The key under which the shared store holds what a cold node can begin with that understands this version of the feed.
/// Each version has its own: while a deployment is being replaced, nodes of both look there.
pub const fn snapshot_key(version: u8) -> &'static str {
    if version < 2 { "snapshot" } else { "snapshot/2" }
}

/// Holds everything, and asks the hub for news.
#[derive(Debug)]
pub struct FollowingHub;

impl<H: Host + HubClient> Source<H> for FollowingHub {
    async fn keep_up(node: &Rc<Node>, host: &Rc<H>) {
        let knowledge = &node.knowledge;
        let has_state = knowledge.known().is_some();
        let (due, contact) = knowledge.contact.get().due(host.now_ms(), has_state);
        knowledge.contact.set(contact);
        match due {
            Due::No => {}
            Due::InBackground => {
                let (node, in_background) = (Rc::clone(node), Rc::clone(host));
                host.run_in_background(async move { renew(&node, &*in_background).await });
            }
            Due::Now => renew(node, &**host).await,
        }
    }

    async fn renew_for_unknown_key(node: &Node, host: &H) -> bool {
        let Some(contact) = node.knowledge.contact.get().forced(host.now_ms()) else { return false };
        node.knowledge.contact.set(contact);
        renew(node, host).await;
        true
    }

    /// It is all in memory.
    async fn look_up(_: &Node, _: &H, _: impl FnOnce() -> Vec<String>) -> Result<(), NotKnown> {
        Ok(())
    }

    async fn take(node: &Node, host: &H, batch: Batch, text: String) -> Result<Taken, HubUnavailable> {
        let to = batch.to;
        let version = feed::version_of(&text);
        let applied = if version < node.knowledge.version.get() {
            // The hub can have it told better.
            Err(Unacceptable::OlderForm)
        } else {
            let applied = node.knowledge.apply(batch, host.now_ms());
            if applied.is_ok() {
                node.knowledge.version.set(version);
            }
            applied
        };
        let taken = host.hand_over(text).await?;
        // The hub has it; so must this node before it says so, whatever it lacked.
        if taken == Taken::Known && node.knowledge.known().is_none_or(|known| known.sequence < to) {
            renew(node, host).await;
            if let Err(error) = applied {
                host.log(Severity::Info, &format!("a pushed batch did not fit here: {error}; asked the hub"));
            }
        }
        Ok(taken)
    }
}

/// Asks the hub for news; without any state and without a hub, the shared store.
async fn renew<H: HubClient>(node: &Node, host: &H) {
    let knowledge = &node.knowledge;
    let known = knowledge.known();
    let mut news = host.newer_batches(known).await;
    if let Ok(batches) = &news
        && let Err(error) = knowledge.absorb(host, batches)
    {
        // It may only not fit, for example because a push has cut it differently: take everything anew.
        let mut error = Some(error);
        if known.is_some() {
            news = host.newer_batches(None).await;
            error = match &news {
                Ok(batches) => knowledge.absorb(host, batches).err(),
                Err(_) => None,
            };
        }
        if let Some(error) = error.filter(|error| *error != Unacceptable::Older) {
            host.log(Severity::Error, &format!("what the hub holds is not acceptable: {error}"));
        }
    }
    let answered = news.is_ok();
    for version in (WireVersions::FIRST.feed..=WireVersions::CURRENT.feed).rev() {
        if knowledge.known().is_some() {
            break;
        }
        let Some(kept) = host.recall(snapshot_key(version)).await else { continue };
        let batches: Vec<String> = kept.lines().map(str::to_owned).collect();
        if let Err(error) = knowledge.absorb(host, &batches) {
            host.log(Severity::Warning, &format!("the kept snapshot is not acceptable: {error}"));
        }
    }
    knowledge.contact.set(knowledge.contact.get().asked(host.now_ms(), answered));
}
