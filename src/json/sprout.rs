//! Makes the tree of a value that is as most are: well-formed and not deep. For all else there is
//! [`super::Reader`], which also says what is wrong.

use super::skim::{Skim, end_of_value};
use super::value::{Kind, Member, Value, name_is};

/// How deep the fast way goes.
const DEPTH: usize = 16;

/// How many members most objects have no more of.
const USUAL_MEMBERS: usize = 6;

/// The value that begins at `offset`, where no white space is. `None` where it takes a reader. If it is an object, its
/// members of the name `leaving` that are arrays are read over: they are there without their elements.
pub(super) fn value<'s>(source: &'s [u8], offset: usize, leaving: &str) -> Option<Value<'s>> {
    let mut skim = Skim { source, at: offset };
    sprout(&mut skim, DEPTH, leaving)
}

fn sprout<'s>(skim: &mut Skim<'s>, depth: usize, leaving: &str) -> Option<Value<'s>> {
    let depth = depth.checked_sub(1)?;
    let start = skim.at;
    let kind = match skim.peek()? {
        b'"' => Kind::String(skim.string()?),
        b'{' => Kind::Object(members(skim, depth, leaving)?),
        b'[' => Kind::Array(elements(skim, depth)?),
        _ => skim.plain()?,
    };
    Some(Value { kind, span: start..skim.at })
}

fn members<'s>(skim: &mut Skim<'s>, depth: usize, leaving: &str) -> Option<Vec<Member<'s>>> {
    skim.pass(1);
    skim.whitespace();
    if skim.peek()? == b'}' {
        skim.pass(1);
        return Some(Vec::new());
    }
    let mut members = Vec::with_capacity(USUAL_MEMBERS);
    loop {
        let name_at = skim.at;
        let name = skim.name()?;
        let value = if !leaving.is_empty() && skim.peek()? == b'[' && name_is(&name, leaving) {
            let start = skim.at;
            skim.at = end_of_value(skim.source, start, 1)?;
            Value { kind: Kind::Array(Vec::new()), span: start..skim.at }
        } else {
            sprout(skim, depth, "")?
        };
        members.push(Member { name, name_at, value });
        if skim.is_last(b'}')? {
            return Some(members);
        }
    }
}

fn elements<'s>(skim: &mut Skim<'s>, depth: usize) -> Option<Vec<Value<'s>>> {
    skim.pass(1);
    skim.whitespace();
    if skim.peek()? == b']' {
        skim.pass(1);
        return Some(Vec::new());
    }
    let mut elements = Vec::new();
    loop {
        elements.push(sprout(skim, depth, "")?);
        if skim.is_last(b']')? {
            return Some(elements);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;

    #[test]
    fn an_array_that_is_left_is_where_it_is_without_its_elements() {
        let text = br#"{"a":[1,{"list":[2]}], "LIST" : [3 , [4]],"b":{"list":[5]},"list":"x"} "#;
        let slow = Reader::new(text).next_value().unwrap().unwrap();
        let fast = value(text, 0, "list").unwrap();
        assert_eq!(fast.span, slow.span);
        for (fast, slow) in fast.as_object().unwrap().iter().zip(slow.as_object().unwrap()) {
            assert_eq!(
                (&fast.name, fast.name_at, &fast.value.span),
                (&slow.name, slow.name_at, &slow.value.span)
            );
            assert_eq!(fast.value.kind == slow.value.kind, &*fast.name != b"LIST", "{fast:?}");
        }
        let broken = br#"{"list":[1,}"#;
        assert_eq!(value(broken, 0, "list"), None);
    }

    #[test]
    fn it_is_the_tree_that_a_reader_makes_or_none() {
        let text = br#"{"a" : [1.5e3,-0, "x\n\u00e9\"",{} ,[],{"b":null,"c":[true,[false]]}] , "":"\\"} ,"#;
        let mut trees = 0;
        for at in 0..text.len() {
            for byte in [b'"', b'\\', b',', b':', b'{', b'}', b'[', b']', b'x', b'0', b' ', 0] {
                let mut changed = text.to_vec();
                changed[at] = byte;
                let slow = Reader::starting_at(&changed, 0).next_value_of(usize::MAX).ok().flatten();
                let fast = value(&changed, 0, "");
                trees += usize::from(fast.is_some());
                assert!(fast.is_none() || fast == slow, "{}", changed.escape_ascii());
                assert_eq!(fast.is_none() && changed[0] == b'{', slow.is_none() && changed[0] == b'{');
            }
        }
        assert!(trees > 200, "{trees}");
        let deep = [b"[".repeat(DEPTH + 1), b"]".repeat(DEPTH + 1)].concat();
        assert_eq!(value(&deep, 0, ""), None);
        assert!(Reader::new(&deep).next_value().is_ok());
    }
}
