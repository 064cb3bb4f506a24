//! Codecs between bytes and values, without ports, threads or clocks.
//!
//! Every decoder takes its input in any chunks, keeps a bounded remainder, never panics whatever the bytes are, and
//! counts what it threw away. Pull from it until it returns `None`, then the whole chunk is consumed:
//!
//! ```
//! # use rig::wire::line::LineSplitter;
//! let mut splitter = LineSplitter::new(80);
//! let mut input: &[u8] = b"@01 0 OK IDLE -- 0\r\n@01";
//! let mut lines = 0;
//! while let Some(_line) = splitter.next_line(&mut input) {
//!     lines += 1;
//! }
//! assert_eq!((lines, splitter.pending_bytes()), (1, 3));
//! ```
//!
//! Deliberately absent: deadlines, retries and the matching of replies to requests. Those need time and belong to the
//! sessions in `device`.

pub mod bench_link;
pub mod cobs;
pub mod columns;
pub mod console;
pub mod decimal;
pub mod grbl;
pub mod line;
pub mod mark10;
pub mod mt_sics;
pub mod zaber;
