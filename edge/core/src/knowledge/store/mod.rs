//! Of instances that live for one request. What the edge knows is in the store: a head that says how far that is, and shards of
//! exceptions, of which a request reads the few that concern its token.
//!
//! Many instances may bring news at once. A shard is never changed: news writes new ones beside the old, and then the head, in
//! one step and only if it still is the head it began from. So whoever reads sees the knowledge of one sequence number, whole.

mod accept;
mod gathered;
mod head;
mod shards;
mod sweep;
mod unread;

use std::cell::RefCell;
use std::rc::Rc;

use agentidp_shared::feed::{self, Change, FeedError, News};

pub use head::Head;

use super::contact::{Contact, Due};
use super::{NotKnown, Source, Unacceptable};
use crate::feed_client::{self, Asker, MAX_ROUNDS, PullError};
use crate::host::{Host, HubUnavailable, Severity, Store as _, StoreError, StoreHost, Taken};
use crate::node::Node;
use crate::usage;

/// Of version 2 of the feed. What instances of the first version keep lies beside it and is theirs alone: while a deployment is
/// being replaced, each follows the feed in its own version.
const HEAD_KEY: &str = "head/2";
/// When somebody last asked for news, so that not everybody does.
const CONTACT_KEY: &str = "contact/2";

/// Reads what a request needs, and forgets it.
#[derive(Debug)]
pub struct ReadingStore;

impl<H: Host + StoreHost> Source<H> for ReadingStore {
    async fn keep_up(node: &Rc<Node>, host: &Rc<H>) {
        let contact = match read(node, &**host).await {
            Ok(contact) => contact,
            Err(error) => {
                host.log(Severity::Error, &format!("what this edge knows cannot be read: {error}"));
                return;
            }
        };
        let now_ms = host.now_ms();
        let (due, claimed) = parse(contact.as_deref()).due(now_ms, node.knowledge.known().is_some());
        match due {
            Due::No => {}
            Due::InBackground => {
                let (node, in_background) = (Rc::clone(node), Rc::clone(host));
                host.run_in_background(async move {
                    if claim(&*in_background, contact, claimed).await {
                        renew(&node, &*in_background).await;
                        usage::report_due(&node, &*in_background).await;
                    }
                });
            }
            // Without any state there is nothing to answer from, whoever else may be asking.
            Due::Now if node.knowledge.known().is_none() => renew(node, &**host).await,
            Due::Now => {
                if claim(&**host, contact, claimed).await {
                    renew(node, &**host).await;
                    let (node, in_background) = (Rc::clone(node), Rc::clone(host));
                    host.run_in_background(async move {
                        usage::report_due(&node, &*in_background).await;
                    });
                }
            }
        }
    }

    async fn renew_for_unknown_key(node: &Node, host: &H) -> bool {
        let Ok(contact) = value(host, CONTACT_KEY).await else { return false };
        let Some(forced) = parse(contact.as_deref()).forced(host.now_ms()) else { return false };
        if !claim(host, contact, forced).await {
            return false;
        }
        renew(node, host).await;
        true
    }

    async fn look_up(node: &Node, host: &H, subjects: impl FnOnce() -> Vec<String>) -> Result<(), NotKnown> {
        let subjects = subjects();
        // Between the head and its shards somebody may have brought news and cleared up: once more, then.
        for _ in 0..2 {
            match read_exceptions(node, host, &subjects).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    host.log(Severity::Error, &format!("what concerns a token cannot be read: {error}"));
                    return Err(NotKnown);
                }
            }
            if read(node, host).await.is_err() {
                return Err(NotKnown);
            }
        }
        host.log(Severity::Error, "the store has lost part of what this edge knew; beginning anew");
        if let Err(error) = host.store().delete(vec![HEAD_KEY.to_owned()]).await {
            host.log(Severity::Error, &error.to_string());
        }
        Err(NotKnown)
    }

    async fn take(node: &Node, host: &H, news: News, text: String) -> Result<Taken, HubUnavailable> {
        let to = news.to();
        let unavailable = |error: StoreError| {
            host.log(Severity::Error, &format!("a pushed batch could not be kept: {error}"));
            HubUnavailable
        };
        read(node, host).await.map_err(unavailable)?;
        let is_known = || node.knowledge.known().is_some_and(|known| known.sequence >= to);
        let version = feed::version_of(&text);
        let tells_less = node.knowledge.head.borrow().as_ref().is_some_and(|head| version < head.version);
        if tells_less && !is_known() {
            // The control plane does not know yet what is understood here, and tells it better if it is asked.
            renew(node, host).await;
        }
        let accepted = match news {
            // A snapshot that has more pages is asked for.
            News::Page(page) if !page.is_whole() => Err(Unacceptable::Feed(FeedError::PageOutOfOrder).into()),
            news => accept::accept(node, host, news, version, &RefCell::default()).await,
        };
        match accepted {
            Ok(()) => return Ok(Taken::Known),
            Err(PullError::Store(error)) => return Err(unavailable(error)),
            // It does not fit, but what is missing may be there for the asking.
            Err(PullError::Unacceptable(error)) if error.is_misfit() => {
                if !is_known() {
                    renew(node, host).await;
                }
            }
            Err(error) => {
                host.log(Severity::Warning, &format!("a pushed batch is not acceptable: {error}"));
            }
        }
        Ok(if is_known() { Taken::Known } else { Taken::Conflict })
    }
}

/// Reads the head into the node's knowledge; returns what is written of the last contact.
async fn read<H: StoreHost>(node: &Node, host: &H) -> Result<Option<Vec<u8>>, StoreError> {
    let keys = vec![HEAD_KEY.to_owned(), CONTACT_KEY.to_owned()];
    let mut values = host.store().get(keys).await?.into_iter();
    let (head, contact) = (values.next().flatten(), values.next().flatten());
    let head = head.and_then(|bytes| {
        let head = Head::parse(bytes);
        if head.is_none() {
            host.log(
                Severity::Error,
                "what the store holds is not what an edge of this version writes; beginning anew",
            );
        }
        head
    });
    if let Err(error) = node.knowledge.take_head(head) {
        host.log(Severity::Error, &format!("what the store holds is not acceptable: {error}"));
    }
    Ok(contact)
}

/// Adds what the shards say of `subjects` to the state; false if a shard is not there.
async fn read_exceptions<H: StoreHost>(
    node: &Node,
    host: &H,
    subjects: &[String],
) -> Result<bool, StoreError> {
    let names = node.knowledge.head.borrow().as_ref().map(|head| head.shards.names_of(subjects));
    let Some(names) = names.filter(|names| !names.is_empty()) else { return Ok(true) };
    let mut changes: Vec<Change> = Vec::new();
    for shard in host.store().get(names).await? {
        let Some(shard) = shard.as_deref().and_then(shards::parse) else { return Ok(false) };
        changes.extend(shard.into_iter().filter(|change| subjects.contains(&change.key())));
    }
    if let Some(head) = &*node.knowledge.head.borrow() {
        changes.retain(|change| !head.replaces(change));
    }
    if let Some(state) = node.knowledge.state.borrow_mut().as_mut() {
        for change in changes {
            state.recall(change);
        }
    }
    Ok(true)
}

async fn value<H: StoreHost>(host: &H, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(host.store().get(vec![key.to_owned()]).await?.into_iter().next().flatten())
}

/// What cannot be read is no contact at all: somebody asks once too often.
fn parse(contact: Option<&[u8]>) -> Contact {
    contact.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

/// Whether this instance is the one that asks.
async fn claim<H: StoreHost>(host: &H, before: Option<Vec<u8>>, claimed: Contact) -> bool {
    let Ok(bytes) = serde_json::to_vec(&claimed) else { return false };
    host.store().swap(CONTACT_KEY.to_owned(), before, bytes).await.unwrap_or(false)
}

/// Asks the control plane for news until there is none, and notes when.
async fn renew<H: StoreHost>(node: &Node, host: &H) {
    let outcome = catch_up(node, host).await;
    if let Err(error) = &outcome {
        host.log(error.severity(), &format!("the feed could not be followed: {error}"));
    }
    let noted = async {
        let contact = parse(value(host, CONTACT_KEY).await?.as_deref());
        let (is_due, contact) = contact.asked(host.now_ms(), outcome.is_ok()).sweep(host.now_ms());
        if is_due && let Err(error) = sweep::sweep(node, host).await {
            host.log(Severity::Warning, &format!("what is out of use could not be deleted: {error}"));
        }
        let bytes = serde_json::to_vec(&contact).map_err(|error| StoreError(error.to_string()))?;
        host.store().set(vec![(CONTACT_KEY.to_owned(), bytes)]).await
    };
    if let Err(error) = noted.await {
        host.log(Severity::Warning, &error.to_string());
    }
}

async fn catch_up<H: StoreHost>(node: &Node, host: &H) -> Result<(), PullError> {
    let asker = Asker::new(&node.config, None);
    let known = || node.knowledge.known().map(|known| known.sequence);
    let arriving = RefCell::default();
    let accept =
        async |news, text: String| accept::accept(node, host, news, feed::version_of(&text), &arriving).await;
    feed_client::catch_up(host, asker, false, known, accept, MAX_ROUNDS).await
}
