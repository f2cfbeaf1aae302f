-- The edges verify partners' tokens by keys that the feed carries, so these are looked after before a token needs them.
alter table federation_partners rename column keys_asked_at to keys_ask_again_at; -- until then no token makes us ask
alter table federation_partners
  add column keys_refresh_at timestamptz not null default now(), -- when they are asked for next, whatever tokens come
  add column keys_told_at timestamptz not null default '-infinity'; -- when the feed last carried them
create index federation_partners_refresh on federation_partners (keys_refresh_at);
