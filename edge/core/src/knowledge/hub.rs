//! Of nodes that live on. The state is in memory; requests ask the region's hub for news in the background, and wait only when
//! there is nothing to answer from, or when the node has not been in touch for long.

use std::rc::Rc;

use agentidp_shared::feed::{self, FeedError, MAX_PAGES, News};
use agentidp_shared::wire::WireVersions;

use super::contact::Due;
use super::{Known, NotKnown, Source, Unacceptable};
use crate::host::{Host, HubClient, HubUnavailable, Severity, Taken};
use crate::hub::published::{Index, snapshot_key};
use crate::hub::wire::{Newer, Piece};
use crate::node::Node;

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

    async fn take(node: &Node, host: &H, news: News, text: String) -> Result<Taken, HubUnavailable> {
        let to = news.to();
        let (version, held) = (feed::version_of(&text), node.knowledge.version.get());
        // The hub can have told better what is in an older version, and, if this one is newer, what is held.
        let applied = if version < held || version > held && !news.is_snapshot() {
            Err(Unacceptable::OlderForm)
        } else {
            node.knowledge.apply(news, host.now_ms())
        };
        if applied.is_ok() {
            node.knowledge.version.set(version);
        }
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
    let mut origin = Origin::Hub(known);
    let mut answered = false;
    // Versions whose copy in the store has not been tried yet; unknown until one is needed.
    let mut copies = None;
    loop {
        let outcome = absorb_all(node, host, &origin).await;
        let is_hub = matches!(origin, Origin::Hub(_));
        if let (Origin::Hub(Some(_)), Ok(Err(_))) = (&origin, &outcome) {
            // It may only not fit, for example because a push has cut it differently: take everything anew.
            origin = Origin::Hub(None);
            continue;
        }
        answered |= is_hub && outcome.is_ok();
        if let Ok(Err(error)) = outcome
            && error != Unacceptable::Older
        {
            let (severity, whose) =
                if is_hub { (Severity::Error, "the hub's") } else { (Severity::Warning, "the store's") };
            host.log(severity, &format!("{whose} copy of the feed is not acceptable: {error}"));
        }
        if knowledge.known().is_some() {
            break;
        }
        if copies.is_none() {
            copies = Some(copies_by_age(host).await);
        }
        let Some(version) = copies.as_mut().and_then(Vec::pop) else { break };
        origin = Origin::Store(recall_index(host, version).await.unwrap_or_default());
    }
    knowledge.contact.set(knowledge.contact.get().asked(host.now_ms(), answered));
}

/// The versions of which the store has a copy, the one with the newest copy last. While a deployment is being replaced only one of
/// them may still be written. No two copies are held at once.
async fn copies_by_age<H: HubClient>(host: &H) -> Vec<u8> {
    let mut copies = Vec::new();
    for version in WireVersions::FIRST.feed..=WireVersions::CURRENT.feed {
        if let Some(index) = recall_index(host, version).await {
            let issued_at_ms = issued_at_of(host, &index).await;
            copies.push((issued_at_ms.unwrap_or_default(), version));
        }
    }
    copies.sort_unstable();
    copies.into_iter().map(|(_, version)| version).collect()
}

async fn recall_index<H: HubClient>(host: &H, version: u8) -> Option<Index> {
    Index::read(&host.recall(snapshot_key(version)).await?)
}

/// When the newest text of a copy says that it was signed. What it says is only checked when it is taken.
async fn issued_at_of<H: HubClient>(host: &H, index: &Index) -> Option<u64> {
    match (index.texts.last(), index.key(0)) {
        (Some(text), _) => feed::claimed_issued_at(text),
        (None, Some(first)) => feed::claimed_issued_at(&host.recall(&first).await?),
        (None, None) => None,
    }
}

/// Where news comes from.
enum Origin {
    /// The hub, after what is known.
    Hub(Option<Known>),
    /// The shared store.
    Store(Index),
}

impl Origin {
    async fn ask<H: HubClient>(&self, host: &H, piece: Option<Piece>) -> Result<Newer, HubUnavailable> {
        let index = match self {
            Self::Hub(known) => return host.newer(*known, piece).await,
            Self::Store(index) => index,
        };
        let number = piece.map_or(0, |piece| piece.number);
        let Some(key) = index.key(number) else {
            return Ok(Newer { texts: index.texts.clone(), more: None });
        };
        let page = host.recall(&key).await.ok_or(HubUnavailable)?;
        let next = Piece { generation: 0, number: number + 1 };
        if next.number < index.pages {
            return Ok(Newer { texts: vec![page], more: Some(next) });
        }
        Ok(Newer { texts: std::iter::once(page).chain(index.texts.iter().cloned()).collect(), more: None })
    }
}

/// Takes what there is, piece by piece.
async fn absorb_all<H: HubClient>(
    node: &Node,
    host: &H,
    origin: &Origin,
) -> Result<Result<(), Unacceptable>, HubUnavailable> {
    let knowledge = &node.knowledge;
    let mut piece: Option<Piece> = None;
    for _ in 0..=MAX_PAGES {
        let Newer { texts, more } = origin.ask(host, piece).await?;
        // Meanwhile another request may have brought the same piece.
        let is_due = piece.is_none_or(|piece| knowledge.pages() == Some(piece.number));
        if is_due && let Err(error) = knowledge.absorb(host, &texts) {
            return Ok(Err(error));
        }
        // Without anything on its way, another request has taken the last piece.
        let (Some(more), Some(number)) = (more, knowledge.pages()) else { return Ok(Ok(())) };
        piece = Some(Piece { number, ..more });
    }
    Ok(Err(FeedError::PageOutOfOrder.into()))
}
