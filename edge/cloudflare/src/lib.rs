//! The Cloudflare Workers adapter.
