//! One instance of the component: what it may use, and Spin's interfaces to it.

use std::sync::Arc;

use http_body_util::BodyExt;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{ResourceLimiter, Result};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::faults::{Clock, Faults};
use crate::manifest::{App, default_port};
use crate::store::Database;
use bindings::fermyon::spin::variables;
use bindings::wasi::keyvalue::{atomics, batch, store};

pub mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "spin",
        imports: { default: trappable },
        with: {
            "wasi:keyvalue/store.bucket": super::Bucket,
            "wasi:keyvalue/atomics.cas": super::Cas,
        },
    });
}

/// What all instances share.
pub struct Shared {
    pub app: App,
    pub database: Database,
    pub max_memory: usize,
    pub faults: Arc<Faults>,
}

pub struct Instance {
    shared: Arc<Shared>,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

/// An open store.
pub struct Bucket(String);

/// The value of a key as it was when the operation began.
pub struct Cas {
    store: String,
    key: String,
    current: Option<Vec<u8>>,
}

impl Instance {
    pub fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().inherit_stderr().wall_clock(Clock(Arc::clone(&shared.faults))).build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks(Arc::clone(shared)),
        }
    }
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl ResourceLimiter for Instance {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= self.shared.max_memory)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= 100_000)
    }
}

/// Lets requests out to where the manifest allows.
struct Hooks(Arc<Shared>);

type Sent =
    Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>), HttpError>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let port = uri.port_u16().unwrap_or(default_port(scheme));
        let is_allowed = self.0.app.allows(scheme, uri.host().unwrap_or_default(), port);
        Box::new(async move {
            if !is_allowed {
                return Err(HttpError::HttpRequestDenied);
            }
            let (response, io) = wasmtime_wasi_http::default_send_request(request, options).await?;
            let io: Box<dyn Future<Output = Result<(), HttpError>> + Send> = Box::new(io);
            Ok((response.map(BodyExt::boxed_unsync), io))
        })
    }
}

impl variables::Host for Instance {
    fn get(&mut self, name: String) -> Result<Result<String, variables::Error>> {
        Ok(self.shared.app.variables.get(&name).cloned().ok_or(variables::Error::Undefined(name)))
    }
}

fn failed(error: &rusqlite::Error) -> store::Error {
    store::Error::Other(error.to_string())
}

impl Instance {
    fn using<T>(
        &self,
        bucket: &Resource<Bucket>,
        work: impl FnOnce(&Database, &str) -> rusqlite::Result<T>,
    ) -> Result<Result<T, store::Error>> {
        let name = &self.table.get(bucket)?.0;
        Ok(work(&self.shared.database, name).map_err(|error| failed(&error)))
    }

    fn begin(&mut self, store: String, key: String) -> Result<Result<Resource<Cas>, store::Error>> {
        match self.shared.database.get(&store, &key) {
            Ok(current) => Ok(Ok(self.table.push(Cas { store, key, current })?)),
            Err(error) => Ok(Err(failed(&error))),
        }
    }
}

impl store::Host for Instance {
    fn open(&mut self, label: String) -> Result<Result<Resource<Bucket>, store::Error>> {
        if !self.shared.app.stores.contains(&label) {
            return Ok(Err(store::Error::AccessDenied));
        }
        if self.shared.faults.store_is_down() {
            return Ok(Err(store::Error::Other("the store is down".to_owned())));
        }
        Ok(Ok(self.table.push(Bucket(label))?))
    }
}

impl store::HostBucket for Instance {
    fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, store::Error>> {
        self.using(&bucket, |database, store| database.get(store, &key))
    }

    fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), store::Error>> {
        self.using(&bucket, |database, store| database.set(store, &[(key, value)]))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<(), store::Error>> {
        self.using(&bucket, |database, store| database.delete(store, &[key]))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<bool, store::Error>> {
        self.using(&bucket, |database, store| Ok(database.get(store, &key)?.is_some()))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        _: Option<String>,
    ) -> Result<Result<store::KeyResponse, store::Error>> {
        self.using(&bucket, |database, store| {
            Ok(store::KeyResponse { keys: database.keys(store)?, cursor: None })
        })
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::HostCas for Instance {
    fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Result<Result<Resource<Cas>, store::Error>> {
        let store = self.table.get(&bucket)?.0.clone();
        self.begin(store, key)
    }

    fn current(&mut self, cas: Resource<Cas>) -> Result<Result<Option<Vec<u8>>, store::Error>> {
        Ok(Ok(self.table.get(&cas)?.current.clone()))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl atomics::Host for Instance {
    fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, store::Error>> {
        self.using(&bucket, |database, store| database.increment(store, &key, delta))
    }

    fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> Result<Result<(), atomics::CasError>> {
        let cas = self.table.delete(cas)?;
        match self.shared.database.swap(&cas.store, &cas.key, cas.current.as_deref(), &value) {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(match self.begin(cas.store, cas.key)? {
                Ok(fresh) => atomics::CasError::CasFailed(fresh),
                Err(error) => atomics::CasError::StoreError(error),
            })),
            Err(error) => Ok(Err(atomics::CasError::StoreError(failed(&error)))),
        }
    }
}

impl batch::Host for Instance {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, store::Error>> {
        self.using(&bucket, |database, store| {
            let read = |key: String| Ok((key.clone(), database.get(store, &key)?));
            keys.into_iter().map(read).collect()
        })
    }

    fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), store::Error>> {
        self.using(&bucket, |database, store| database.set(store, &entries))
    }

    fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<(), store::Error>> {
        self.using(&bucket, |database, store| database.delete(store, &keys))
    }
}
