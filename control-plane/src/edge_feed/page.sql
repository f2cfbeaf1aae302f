-- A page of a snapshot: of each key after $1, in order, the last entry. The first page ($1 is '') also has what concerns every token
-- ($2), which no later page repeats. One statement, so one moment, and the head of that moment.
--
-- At most 16000 entries are looked at, superseded ones included. Of their keys the page has at most $3, and no more than are stored in
-- about $4 bytes. What expired by $5 is there without its change.
with page as (
  select * from (
    select *, sum(bytes) over (order by key) - bytes as bytes_before
    from (
      -- A revoked token is told of in 22 bytes, whatever it takes here.
      select distinct on (key) key, change, expires_at, subjects, ignorable,
        case when starts_with(key, 'token/') then 22 else pg_column_size(change) + pg_column_size(subjects) end as bytes
      from (
        select * from edge_feed where key > $1 and key <> all ($2) order by key, sequence desc limit 16000) looked_at
      order by key, sequence desc limit $3) newest) measured
  where bytes_before < $4)
select head as "head!", key as "key?", case when expires_at is null or expires_at > $5 then change end as change,
  expires_at, subjects as "subjects?", ignorable as "ignorable?",
  -- Not `exists`: without knowing what comes after the page, the planner might look for it entry by entry.
  coalesce((select max(key) from edge_feed where key <> all ($2)) > (select max(key) from page), false) as "goes_on!"
from (select coalesce(max(sequence), 0) as head from edge_feed) newest
left join (
  (select distinct on (key) key, change, expires_at, subjects, ignorable
   from edge_feed where $1 = '' and key = any ($2)
   order by key, sequence desc)
  union all
  select key, change, expires_at, subjects, ignorable from page) entries on true
