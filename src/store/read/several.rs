//! Records of one name: which of them counts, and which stand beside it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::fields::{Context, name_of_record};
use super::{ParseError, each_element};
use crate::json::{Value, parse};
use crate::policy::{Compat, Extra, InertIn, Named, OfSeveral};
use crate::store::issue::{At, Imperfection, Shown};
use crate::store::named;

/// A list of records, its name, what names them, and the list in them that is left unread here.
const LISTS: [(InertIn, &str, &str, &str); 3] = [
    (InertIn::Clients, "clients", "username", ""),
    (InertIn::Groups, "groups", "groupname", "clients"),
    (InertIn::Roles, "roles", "rolename", "acls"),
];

/// An element of a list: its place among the others, and in the text.
type Element = (usize, Range<usize>);

/// The records of a file whose names others have too, by their lists and their places in these.
#[derive(Default)]
pub(super) struct Several {
    /// Of one that counts: the others.
    others: HashMap<(InertIn, usize), Vec<Element>>,
    /// Those that do not.
    rejected: HashSet<(InertIn, usize)>,
    /// What the others name.
    pub(super) named: Named,
}

impl Several {
    /// Finds them.
    ///
    /// # Errors
    /// Those of reading, which come before.
    pub(super) fn find(root: &Value<'_>, source: &[u8], compat: Compat) -> Result<Self, ParseError> {
        let counts = OfSeveral::of_records(compat);
        let mut several = Self::default();
        // What is wrong with them is reported when they are read.
        let mut context = Context::new(source, compat);
        for (list, name, key, leaving) in LISTS {
            let mut by_name: HashMap<Vec<u8>, Vec<Element>> = HashMap::new();
            each_element(root.get(name), leaving, source, |index, element| {
                if let Some(name) = name_of_record(element, key, &At::ROOT, &mut context) {
                    by_name.entry(name.to_vec()).or_default().push((index, element.span.clone()));
                }
            })?;
            for mut elements in by_name.into_values().filter(|elements| elements.len() > 1) {
                let at = if counts == OfSeveral::Last { elements.len().saturating_sub(1) } else { 0 };
                let (counting, _) = elements.remove(at);
                several.rejected.extend(elements.iter().map(|(index, _)| (list, *index)));
                several.others.insert((list, counting), elements);
            }
        }
        Ok(several)
    }

    /// Whether that record does not count because of another one of its name.
    pub(super) fn rejects(&self, list: InertIn, index: usize) -> bool {
        self.rejected.contains(&(list, index))
    }
}

/// A record that counts.
pub(super) struct Counting<'a> {
    pub(super) list: InertIn,
    pub(super) index: usize,
    pub(super) name: &'a [u8],
    /// Where its list is.
    pub(super) at: At<'a>,
}

/// What else the file says of that record, and beside it the others of its name, which are reported.
/// `says_the_same` compares one with it.
pub(super) fn with_others(
    counting: &Counting<'_>,
    extra: &Extra,
    context: &mut Context<'_>,
    says_the_same: impl Fn(&Value<'_>, &mut Context<'_>) -> bool,
) -> Option<Extra> {
    if context.several.others.is_empty() {
        return None;
    }
    let others = context.several.others.remove(&(counting.list, counting.index))?;
    let mut inert = Vec::new();
    for (index, span) in others {
        let offset = span.start;
        let other = context.inert(InertIn::Beside, None, span);
        let mut of_it = Context::new(&other.raw, context.compat);
        let record = parse(&other.raw);
        if let Ok(record) = &record {
            context.several.named.add(named::roles(record), named::clients(record));
        }
        let what = Imperfection::RecordOfSeveral {
            name: Shown::new(counting.name),
            counts: OfSeveral::of_records(context.compat),
            same: record.is_ok_and(|record| says_the_same(&record, &mut of_it)),
        };
        context.issues.add(&counting.at.element(index), offset, what);
        inert.push(other);
    }
    Some(extra.with_inert(inert))
}
