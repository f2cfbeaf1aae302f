//! The key-value stores, as Spin's own provider keeps them: in `SQLite`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

pub type Result<T> = rusqlite::Result<T>;

impl Database {
    /// In memory without a file.
    pub fn open(file: Option<&Path>) -> Result<Self> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        connection.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = normal;
             create table if not exists key_values
               (store text not null, key text not null, value blob not null, primary key (store, key)) without rowid",
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn get(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.with(|connection| read(connection, store, key))
    }

    pub fn set(&self, store: &str, entries: &[(String, Vec<u8>)]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (key, value) in entries {
                write(&transaction, store, key, &Value::Blob(value.clone()))?;
            }
            transaction.commit()
        })
    }

    pub fn delete(&self, store: &str, keys: &[String]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for key in keys {
                transaction
                    .prepare_cached("delete from key_values where store = ?1 and key = ?2")?
                    .execute(params![store, key])?;
            }
            transaction.commit()
        })
    }

    pub fn keys(&self, store: &str) -> Result<Vec<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("select key from key_values where store = ?1")?;
            statement.query_map([store], |row| row.get(0))?.collect()
        })
    }

    /// Adds to a number, which is kept as one.
    pub fn increment(&self, store: &str, key: &str, delta: i64) -> Result<i64> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let held: Option<i64> = transaction
                .prepare_cached("select value from key_values where store = ?1 and key = ?2")?
                .query_row(params![store, key], |row| row.get(0))
                .optional()?;
            let sum = held.unwrap_or(0).saturating_add(delta);
            write(&transaction, store, key, &Value::Integer(sum))?;
            transaction.commit()?;
            Ok(sum)
        })
    }

    /// Replaces `current` if it is still there. Where nothing was, the value is set whatever is there by now: Spin's own
    /// provider does so too, and the edge must live with it.
    pub fn swap(&self, store: &str, key: &str, current: Option<&[u8]>, new: &[u8]) -> Result<bool> {
        let Some(current) = current else {
            return self.set(store, &[(key.to_owned(), new.to_vec())]).map(|()| true);
        };
        self.with(|connection| {
            let changed = connection
                .prepare_cached(
                    "update key_values set value = ?4 where store = ?1 and key = ?2 and value = ?3",
                )?
                .execute(params![store, key, current, new])?;
            Ok(changed == 1)
        })
    }
}

fn read(connection: &Connection, store: &str, key: &str) -> Result<Option<Vec<u8>>> {
    let mut statement =
        connection.prepare_cached("select value from key_values where store = ?1 and key = ?2")?;
    let value: Option<Value> = statement.query_row(params![store, key], |row| row.get(0)).optional()?;
    Ok(value.map(|value| match value {
        Value::Blob(bytes) => bytes,
        Value::Integer(number) => number.to_string().into_bytes(),
        Value::Text(text) => text.into_bytes(),
        Value::Real(_) | Value::Null => Vec::new(),
    }))
}

fn write(connection: &Connection, store: &str, key: &str, value: &Value) -> Result<()> {
    connection
        .prepare_cached(
            "insert into key_values values (?1, ?2, ?3) on conflict (store, key) do update set value = excluded.value",
        )?
        .execute(params![store, key, value])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> (String, Vec<u8>) {
        (key.to_owned(), value.as_bytes().to_vec())
    }

    #[test]
    fn stores_are_apart_and_what_was_written_is_read() {
        let database = Database::open(None).unwrap();
        database.set("one", &[entry("a", "1"), entry("b", "2")]).unwrap();
        database.set("two", &[entry("a", "3")]).unwrap();
        assert_eq!(database.get("one", "a").unwrap().as_deref(), Some(b"1".as_slice()));
        database.delete("one", &["a".to_owned(), "c".to_owned()]).unwrap();
        assert_eq!(database.keys("one").unwrap(), ["b"]);
        assert_eq!(database.get("one", "a").unwrap(), None);
        assert_eq!(database.get("two", "a").unwrap().as_deref(), Some(b"3".as_slice()));
    }

    #[test]
    fn of_many_that_swap_the_same_value_one_succeeds() {
        let database = Database::open(None).unwrap();
        database.set("s", &[entry("k", "0")]).unwrap();
        let swapped: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..9_u8)
                .map(|number| {
                    let database = &database;
                    scope.spawn(move || database.swap("s", "k", Some(b"0"), &[number]).unwrap())
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(swapped, 1);
        assert!(!database.swap("s", "absent", Some(b"0"), b"1").unwrap());
        assert!(database.swap("s", "absent", None, b"1").unwrap());
    }

    #[test]
    fn increments_add_up() {
        let database = Database::open(None).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        database.increment("s", "n", 2).unwrap();
                    }
                });
            }
        });
        assert_eq!(database.increment("s", "n", -1).unwrap(), 399);
        database.set("s", &[entry("text", "x")]).unwrap();
        assert!(database.increment("s", "text", 1).is_err());
    }
}
