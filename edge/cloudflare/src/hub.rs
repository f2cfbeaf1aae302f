//! The hub of a region as a Durable Object, and how nodes reach it.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use agentidp_edge_core::host::{HubHost, HubUnavailable, StorageError, Taken};
use agentidp_edge_core::hub::wire::{Newer, Piece};
use agentidp_edge_core::hub::{Hub, TICK_MS, wire};
use agentidp_edge_core::knowledge::Known;
use agentidp_edge_core::usage::HandOver;
use futures_util::future::{Either, select};
use http::Uri;
use wasm_bindgen_futures::spawn_local;
use worker::{
    Delay, DurableObject, Env, Method, RequestInit, SqlCursor, SqlStorageValue, State, console_error,
    durable_object,
};

use crate::platform::Workers;
use crate::region::Region;
use crate::{config, crypto};

/// The Durable Object namespace's binding.
const HUBS: &str = "STATE_HUB";
const ADDRESS: &str = "https://hub";
/// How long a node waits for its hub. Longer than the hub waits for the control plane.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Largest piece of a text in one row: a Durable Object's database takes 2 MB.
const MAX_PIECE: usize = 512 * 1024;
const TABLES: &str = "create table if not exists texts (generation integer, position integer, piece integer, \
                      text text not null, primary key (generation, position, piece)) without rowid; \
                      create table if not exists counts (generation integer); \
                      create table if not exists notes (name text primary key, text text) without rowid";

/// What the region's hub has after `known`, or a piece of everything.
pub fn newer(
    env: &Env,
    region: Option<Region>,
    known: Option<Known>,
    piece: Option<Piece>,
) -> impl Future<Output = Result<Newer, HubUnavailable>> + 'static {
    let answer = ask(env, region, Method::Get, &wire::newer_target(known, piece), None);
    async move {
        match answer.await? {
            (200, body) => Ok(Newer::read(&body)),
            _ => Err(HubUnavailable),
        }
    }
}

/// Gives the region's hub a pushed batch.
pub fn hand_over(
    env: &Env,
    region: Option<Region>,
    batch: String,
) -> impl Future<Output = Result<Taken, HubUnavailable>> + 'static {
    let answer = ask(env, region, Method::Post, wire::TAKE_PATH, Some(batch));
    async move { wire::taken_from_status(answer.await?.0).ok_or(HubUnavailable) }
}

/// Gives the region's hub what a node counted.
pub fn hand_over_usage(
    env: &Env,
    region: Option<Region>,
    hand_over: &HandOver,
) -> impl Future<Output = Result<(), HubUnavailable>> + use<> {
    let answer = ask(env, region, Method::Post, wire::USAGE_PATH, Some(wire::write_hand_over(hand_over)));
    async move { if answer.await?.0 == 204 { Ok(()) } else { Err(HubUnavailable) } }
}

fn ask(
    env: &Env,
    region: Option<Region>,
    method: Method,
    target: &str,
    body: Option<String>,
) -> impl Future<Output = Result<(u16, String), HubUnavailable>> + use<> {
    let mut init = RequestInit::new();
    init.with_method(method).with_body(body.map(Into::into));
    let request = worker::Request::new_with_init(&format!("{ADDRESS}{target}"), &init);
    let stub = region.ok_or(HubUnavailable).and_then(|region| {
        env.durable_object(HUBS)
            .and_then(|hubs| hubs.get_by_name_with_location_hint(region.name, region.location_hint))
            .map_err(|_| HubUnavailable)
    });
    async move {
        let (stub, request) = (stub?, request.map_err(|_| HubUnavailable)?);
        let answer = async {
            let mut answer = stub.fetch_with_request(request).await?;
            Ok::<_, worker::Error>((answer.status_code(), answer.text().await?))
        };
        match select(pin!(answer), pin!(Delay::from(TIME_LIMIT))).await {
            Either::Left((answer, _)) => answer.map_err(|_| HubUnavailable),
            Either::Right(_) => Err(HubUnavailable),
        }
    }
}

/// The Durable Object: a hub by the name of its region.
#[durable_object]
#[expect(missing_debug_implementations, reason = "made by the runtime, and shown to nobody")]
pub struct StateHub {
    state: State,
    env: Env,
    hub: OnceCell<Option<Rc<Hub<Workers>>>>,
    has_timer: Rc<Cell<bool>>,
}

impl DurableObject for StateHub {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, hub: OnceCell::new(), has_timer: Rc::default() }
    }

    async fn fetch(&self, mut request: worker::Request) -> worker::Result<worker::Response> {
        let Some(hub) = self.hub() else { return worker::Response::error("not configured", 503) };
        let answer = Self::answer(&hub, &mut request).await;
        self.see_to_timer();
        answer
    }

    async fn alarm(&self) -> worker::Result<worker::Response> {
        // First of all: an alarm that fails must not be the last.
        self.state.storage().set_alarm(Duration::from_millis(TICK_MS)).await?;
        self.has_timer.set(true);
        if let Some(hub) = self.hub() {
            hub.tick().await;
        }
        worker::Response::empty()
    }
}

impl StateHub {
    async fn answer(
        hub: &Rc<Hub<Workers>>,
        request: &mut worker::Request,
    ) -> worker::Result<worker::Response> {
        // Not by the `url` crate: nothing else here needs its tables of Unicode, and they weigh more than the hub does.
        let Ok(url) = request.inner().url().parse::<Uri>() else {
            return worker::Response::error("not a target", 400);
        };
        match (request.method(), url.path()) {
            (Method::Get, wire::NEWER_PATH) => {
                let query = url.query().unwrap_or_default();
                let (known, understood) = (wire::known_from_query(query), wire::understood_from_query(query));
                match hub.newer(known, understood, wire::piece_from_query(query)).await {
                    Some(newer) => worker::Response::ok(newer.write()),
                    None => worker::Response::error("nothing that this node could read", 503),
                }
            }
            (Method::Post, wire::TAKE_PATH) => {
                let taken = hub.take(request.text().await?).await;
                Ok(worker::Response::empty()?.with_status(wire::status_of(taken).as_u16()))
            }
            (Method::Post, wire::USAGE_PATH) => match wire::read_hand_over(&request.text().await?) {
                Some(hand_over) => match hub.take_usage(&hand_over) {
                    Ok(()) => Ok(worker::Response::empty()?.with_status(204)),
                    Err(error) => {
                        console_error!("{error}");
                        worker::Response::error("not kept", 503)
                    }
                },
                None => worker::Response::error("not a hand-over", 400),
            },
            _ => worker::Response::error("nothing here", 404),
        }
    }

    fn hub(&self) -> Option<Rc<Hub<Workers>>> {
        self.hub.get_or_init(|| self.open()).clone()
    }

    fn open(&self) -> Option<Rc<Hub<Workers>>> {
        let config = config(&self.env).map_err(|error| console_error!("{error}")).ok()?;
        let workers = Workers::for_hub(self.env.clone(), self.state.storage().sql());
        let region = self.state.id().name().unwrap_or_else(|| "unnamed".to_owned());
        Some(Hub::open(Rc::new(workers), config, region, crypto::random()))
    }

    /// Sets the alarm if there is none, when the answer that is due has left: none does while something is being written.
    fn see_to_timer(&self) {
        if self.has_timer.replace(true) {
            return;
        }
        let (storage, has_timer) = (self.state.storage(), Rc::clone(&self.has_timer));
        spawn_local(async move {
            Delay::from(Duration::ZERO).await;
            let set = async {
                match storage.get_alarm().await? {
                    Some(_) => Ok(()),
                    None => storage.set_alarm(Duration::from_millis(TICK_MS)).await,
                }
            };
            if let Err(error) = set.await {
                console_error!("the hub's timer could not be set: {error}");
                has_timer.set(false);
            }
        });
    }
}

impl HubHost for Workers {
    fn generation(&self) -> Result<Option<u64>, StorageError> {
        // A new hub writes nothing before it has answered, not even tables: the answer would wait for that.
        let tables = self.query("select name from sqlite_master where name = 'counts'", Vec::new())?;
        if tables.raw().next().is_none() {
            return Ok(None);
        }
        match self.query("select generation from counts", Vec::new())?.raw().next() {
            None => Ok(None),
            Some(row) => match row.map_err(failed)?.into_iter().next() {
                Some(SqlStorageValue::Integer(generation)) => Ok(u64::try_from(generation).ok()),
                _ => Err(another_shape()),
            },
        }
    }

    fn kept(&self, generation: u64, position: usize) -> Result<Option<String>, StorageError> {
        let values = vec![number(generation)?, number(position)?];
        let statement = "select text from texts where generation = ? and position = ? order by piece";
        let rows = self.query(statement, values)?;
        let mut text = None;
        for row in rows.raw() {
            let Some(SqlStorageValue::String(piece)) = row.map_err(failed)?.into_iter().next() else {
                return Err(another_shape());
            };
            text.get_or_insert_with(String::new).push_str(&piece);
        }
        Ok(text)
    }

    /// Statements without an await between them are one transaction.
    fn keep(&self, generation: u64, position: usize, text: &str) -> Result<(), StorageError> {
        let place = [number(generation)?, number(position)?];
        self.execute("delete from texts where generation = ? and position >= ?", place.to_vec())?;
        for (piece, bytes) in text.as_bytes().chunks(MAX_PIECE).enumerate() {
            // A compact JWS is ASCII, so it can be cut anywhere.
            let text = String::from_utf8_lossy(bytes).into_owned();
            let [generation, position] = place.clone();
            let values = vec![generation, position, number(piece)?, SqlStorageValue::String(text)];
            self.execute("insert into texts values (?, ?, ?, ?)", values)?;
        }
        Ok(())
    }

    fn settle(&self, generation: u64) -> Result<(), StorageError> {
        self.execute("delete from counts", Vec::new())?;
        self.query("insert into counts values (?)", vec![number(generation)?])?;
        self.query("delete from texts where generation <> ?", vec![number(generation)?])?;
        // What 0.1.0 kept.
        self.query("drop table if exists batches", Vec::new())?;
        Ok(())
    }

    fn noted(&self, names: &[String]) -> Result<Vec<Option<String>>, StorageError> {
        let wanted = json(names)?;
        let statement = "select notes.text from json_each(?) as wanted left join notes on notes.name = wanted.value \
                         order by wanted.key";
        let rows = self.execute(statement, vec![SqlStorageValue::String(wanted)])?;
        rows.raw()
            .map(|row| match row.map_err(failed)?.into_iter().next() {
                Some(SqlStorageValue::String(text)) => Ok(Some(text)),
                Some(SqlStorageValue::Null) => Ok(None),
                _ => Err(another_shape()),
            })
            .collect()
    }

    fn notes(&self, prefix: &str, most: usize) -> Result<Vec<(String, String)>, StorageError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // Names are ASCII, so everything that begins with the prefix lies below this.
        let values = vec![
            SqlStorageValue::String(prefix.to_owned()),
            SqlStorageValue::String(format!("{prefix}\u{7f}")),
            SqlStorageValue::Integer(most),
        ];
        let statement = "select name, text from notes where name >= ? and name < ? and text is not null \
                         order by name limit ?";
        let rows = self.execute(statement, values)?;
        rows.raw()
            .map(|row| {
                let mut row = row.map_err(failed)?.into_iter();
                match (row.next(), row.next()) {
                    (Some(SqlStorageValue::String(name)), Some(SqlStorageValue::String(text))) => {
                        Ok((name, text))
                    }
                    _ => Err(another_shape()),
                }
            })
            .collect()
    }

    /// One statement makes all the changes; the other only clears away what the first has emptied.
    fn note(&self, changes: &[(String, Option<String>)]) -> Result<(), StorageError> {
        let statement = "insert into notes select value ->> 0, value ->> 1 from json_each(?) where true \
                         on conflict (name) do update set text = excluded.text";
        self.execute(statement, vec![SqlStorageValue::String(json(changes)?)])?;
        self.execute("delete from notes where text is null", Vec::new())?;
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn failed(error: worker::Error) -> StorageError {
    StorageError(error.to_string())
}

fn number(number: impl TryInto<i64>) -> Result<SqlStorageValue, StorageError> {
    let number = number.try_into().map_err(|_| StorageError("a number is too large".to_owned()))?;
    Ok(SqlStorageValue::Integer(number))
}

fn another_shape() -> StorageError {
    StorageError("a row has another shape".to_owned())
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError(error.to_string()))
}

impl Workers {
    /// Runs a statement on the hub's own storage, with its tables.
    fn execute(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<SqlCursor, StorageError> {
        self.query(TABLES, Vec::new())?;
        self.query(statement, values)
    }

    fn query(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<SqlCursor, StorageError> {
        let storage = self.storage().ok_or_else(|| StorageError("not a hub".to_owned()))?;
        storage.exec(statement, values).map_err(failed)
    }
}
