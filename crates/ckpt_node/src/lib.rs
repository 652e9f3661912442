//! The Node.js binding: thin forwards, JSON in and out. Each call runs on a thread of its own, since a conversion takes
//! longer than a slot of libuv's pool may be held.

#![cfg_attr(test, allow(dead_code, unused_imports, reason = "napi registers no exports in a test build"))]

mod calls;
mod checkpoints;
mod settle;
mod threads;
