//! JSON as cJSON reads and writes it, on bytes.
//!
//! The C plugin reads its file and its commands with cJSON, so real files and real clients hold what
//! cJSON takes and a stricter reader refuses: strings that are not UTF-8, raw control characters in
//! strings, a byte order mark, bytes after the value, `01` and `1.` as numbers, duplicate members.
//! All of it is taken here, strings byte for byte, and what cJSON refuses is refused.
//!
//! [`parse`] makes a tree, [`Reader`] hands out one piece at a time, [`Writer`] writes in cJSON's
//! two forms. What a member means is for the callers to say: nothing here knows what a policy is.

mod path;
mod position;
mod reader;
mod scalar;
mod skim;
mod sprout;
mod tree;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use path::path_to;
pub use position::{Lines, Position, position};
pub use reader::{Event, Item, NESTING_LIMIT, ParseError, Problem, Reader};
pub use tree::{parse, parse_within};
pub use value::{Kind, Member, Value, name_is, up_to_nul};
pub use writer::{Style, Writer};
