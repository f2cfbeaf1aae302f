-- Tokens that were derived from others have places too. What becomes of any of those shows there.
alter table status_list_entries
  add column derived_from jsonb; -- [{"sub", "jti", "iat"}], the first token first; null: from none
