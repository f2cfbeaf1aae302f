-- Months that nobody asks for every day. They stay partitions of audit_events, so whatever reads the log (search, proofs, export,
-- verification) finds them as before; only whoever looks after the database sees a difference: a schema of their own, which a
-- backup may leave out and a tablespace may hold.
create schema audit_archive;

-- A trigger of a statement on the table is not one on its partitions.
create function refuse_truncate(partition regclass) returns void language plpgsql set search_path = public, pg_temp as $$
begin
  execute format('create trigger audit_events_no_truncate before truncate on %s for each statement execute function refuse_change()', partition);
end $$;
revoke all on function refuse_truncate(regclass) from public;
select refuse_truncate(inhrelid::regclass) from pg_inherits where inhparent = 'audit_events'::regclass;

create or replace function ensure_partitions(first_month date, months integer) returns void language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  lower_bound date;
  upper_bound date;
  parent text;
  partition text;
begin
  for offset_months in 0..months loop
    lower_bound := (date_trunc('month', first_month) + make_interval(months => offset_months))::date;
    upper_bound := (lower_bound + interval '1 month')::date;
    foreach parent in array array['audit_events', 'usage_counters'] loop
      partition := parent || '_' || to_char(lower_bound, 'YYYY_MM');
      if coalesce(to_regclass(partition), to_regclass('audit_archive.' || partition)) is null then
        -- A month that already has rows in the default partition keeps them there; the others must not suffer for it.
        begin
          execute format('create table %I partition of %I for values from (%L) to (%L)',
            partition, parent, lower_bound, upper_bound);
          execute format('alter table %I enable row level security', partition);
          execute format('alter table %I force row level security', partition);
          if parent = 'audit_events' then
            perform refuse_truncate(partition::regclass);
          end if;
        exception when check_violation then
          raise warning '% of % stay in its default partition', to_char(lower_bound, 'YYYY-MM'), parent;
        end;
      end if;
    end loop;
  end loop;
end $$;

-- Archives the oldest month that ended by `before`, and returns its partition's name; null when there is none. A month in which an
-- event still waits for its seal is left for later. One call takes one lock, and gives up after two seconds of waiting for it.
create function archive_audit_month(before date, to_tablespace text) returns text language plpgsql security definer
  set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
  month record;
  part regclass;
begin
  for month in
    select oid::regclass as partition, relname::text as name, to_date(right(relname, 7), 'YYYY_MM') as first_day
    from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'audit_events'::regclass and relnamespace = 'public'::regnamespace
      and relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
    order by relname
  loop
    exit when (month.first_day + interval '1 month')::date > before;
    continue when exists (select from audit_unsealed
      where occurred_at >= month.first_day and occurred_at < month.first_day + interval '1 month');
    if to_tablespace is not null then
      execute format('alter table %s set tablespace %I', month.partition, to_tablespace);
      for part in select indexrelid::regclass from pg_index where indrelid = month.partition loop
        execute format('alter index %s set tablespace %I', part, to_tablespace);
      end loop;
    end if;
    execute format('alter table %s set schema audit_archive', month.partition);
    return month.name;
  end loop;
  return null;
end $$;
revoke all on function archive_audit_month(date, text) from public;
grant execute on function archive_audit_month(date, text) to agentidp_system;
