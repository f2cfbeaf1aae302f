-- An edge takes a snapshot page by page, in the order of the keys as bytes: the one order that every edge and every database agree on.
-- The index on (key, sequence desc) is made anew with it; the table is not rewritten.
alter table edge_feed alter column key type text collate "C";
