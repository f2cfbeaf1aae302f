-- Versions on the wire: what an edge announced, and what is said of a change outside of it.

-- As in 0023.
set local lock_timeout = '5s';

-- As in the header X-Edge-Versions; null for an edge of 0.1.0, which announces nothing.
alter table edge_nodes add column wire_versions text check (length(wire_versions) <= 128);

-- Whom a change concerns (`token/ID`, `principal/ID`, `organization/ID`, `all`), and whether an edge that cannot read it may go
-- on as if it had not been there. Entries of 0.1.0 have neither; all their kinds are known.
alter table edge_feed_pending
  add column subjects text[] not null default '{}',
  add column ignorable boolean not null default false;
alter table edge_feed
  add column subjects text[] not null default '{}',
  add column ignorable boolean not null default false;

-- The sequencer carries the limits of agents' earlier tokens over to what it numbers.
grant update (change) on edge_feed to agentidp_system;
