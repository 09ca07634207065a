//! What cJSON 1.7.15 takes, refuses and prints, as programs that ran it found out, and properties.

use super::{Kind, ParseError, Problem, Style, Value, Writer, parse};
use proptest::prelude::*;

fn write(value: &Value<'_>, writer: &mut Writer) {
    match &value.kind {
        Kind::Null => writer.null(),
        Kind::Bool(value) => writer.bool(*value),
        Kind::Number(_) => writer.int(value.as_i64().unwrap()),
        Kind::String(text) => writer.string(text),
        Kind::Array(elements) => {
            writer.begin_array();
            for element in elements {
                write(element, writer);
            }
            writer.end_array();
        }
        Kind::Object(members) => {
            writer.begin_object();
            for member in members {
                writer.key(&member.name);
                write(&member.value, writer);
            }
            writer.end_object();
        }
    }
}

fn printed(value: &Value<'_>, style: Style) -> Vec<u8> {
    let mut writer = Writer::new(style);
    write(value, &mut writer);
    writer.into_bytes()
}

#[test]
fn what_cjson_takes_is_taken() {
    let table: &[(&[u8], &[u8])] = &[
        // Numbers, as strtod reads them.
        (b"01", b"1"),
        (b"-01", b"-1"),
        (b"1.", b"1"),
        (b"-.5e1", b"-5"),
        (b"1.e5", b"100000"),
        (b"1E2", b"100"),
        (b"1e+1", b"10"),
        (b"100e-2", b"1"),
        (b"1e", b"1"),
        (b"1e+", b"1"),
        (b"1.5.5", b"1"),
        (b"0x10", b"0"),
        (b"-0", b"0"),
        // What follows the value.
        (b"{} x", b"{}"),
        (b"{}\0", b"{}"),
        (b"nullx", b"null"),
        (b"[]]", b"[]"),
        // White space is every byte up to the space.
        (b"\x01 {\0\"a\"\x0b:\x1f1\x02,\t\"b\" : [ 1 , 2 ] \n}", b"{\"a\":1,\"b\":[1,2]}"),
        (b"\xef\xbb\xbf {}", b"{}"),
        // Strings.
        (b"\"\"", b"\"\""),
        (b"\"\xff\xfe\xe9\"", b"\"\xff\xfe\xe9\""),
        (b"\"a\tb\n\x01\x7f\"", b"\"a\\tb\\n\\u0001\x7f\""),
        (br#""\b\f\n\r\t\/\\\"""#, br#""\b\f\n\r\t/\\\"""#),
        (br#""\u0001\u001f\u007f\u0080""#, b"\"\\u0001\\u001f\x7f\xc2\x80\""),
        (br#""\u07ff\u0800\uffff\uFFFE""#, b"\"\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xef\xbf\xbe\""),
        (br#""\ud83d\ude00\uD800\uDC00""#, b"\"\xf0\x9f\x98\x80\xf0\x90\x80\x80\""),
        // Objects.
        (b"{\"\":1}", b"{\"\":1}"),
        (b"{\"a\":1,\"a\":2}", b"{\"a\":1,\"a\":2}"),
    ];
    for (source, expected) in table {
        let value = parse(source).unwrap_or_else(|e| panic!("{}: {e}", source.escape_ascii()));
        let got = printed(&value, Style::Compact);
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

#[test]
fn what_cjson_refuses_is_refused_and_located() {
    let table: &[(&[u8], usize, &str)] = &[
        (b"", 0, "nothing in it"),
        (b" \n", 2, "nothing in it"),
        (b"-", 0, "a number without digits"),
        (b"--1", 0, "a number without digits"),
        (b"-e1", 0, "a number without digits"),
        (b"[-.e1]", 1, "a number without digits"),
        (b".5", 0, "expected a value, found `.`"),
        (b"+1", 0, "expected a value, found `+`"),
        (b"True", 0, "expected a value, found `T`"),
        (b"nul", 0, "expected a value, found `n`"),
        (b"'a'", 0, "expected a value, found `'`"),
        (b"// c\n1", 0, "expected a value, found `/`"),
        (b"\xa01", 0, "expected a value, found the byte 0xa0"),
        (b" \xef\xbb\xbf{}", 1, "expected a value, found the byte 0xef"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", 3, "expected a value, found the byte 0xef"),
        (b"[1e]", 2, "expected `,` or `]`, found `e`"),
        (b"[1-2]", 2, "expected `,` or `]`, found `-`"),
        (b"[0x10]", 2, "expected `,` or `]`, found `x`"),
        (b"[truex]", 5, "expected `,` or `]`, found `x`"),
        (b"[1 2]", 3, "expected `,` or `]`, found `2`"),
        (b"[1", 2, "expected `,` or `]`, found the end"),
        (b"[1}", 2, "expected `,` or `]`, found `}`"),
        (b"[", 1, "expected a value, found the end"),
        (b"[1,]", 3, "expected a value, found `]`"),
        (b"[,1]", 1, "expected a value, found `,`"),
        (b"{", 1, "expected a member's name in quotes, found the end"),
        (b"{,}", 1, "expected a member's name in quotes, found `,`"),
        (b"{a:1}", 1, "expected a member's name in quotes, found `a`"),
        (b"{\"a\":1,}", 7, "expected a member's name in quotes, found `}`"),
        (b"{\"a\" 1}", 5, "expected `:`, found `1`"),
        (b"{\"a\"", 4, "expected `:`, found the end"),
        (b"{\"a\":", 5, "expected a value, found the end"),
        (b"{\"a\":1", 6, "expected `,` or `}`, found the end"),
        (b"{\"a\":1]", 6, "expected `,` or `}`, found `]`"),
        (b"[\"abc", 1, "a string that begins here never ends"),
        (b"\"abc\\", 0, "a string that begins here never ends"),
        (b"\"abc\\\"", 0, "a string that begins here never ends"),
        (br#"["\x"]"#, 2, "no such escape in a string"),
        (br#""\U0041""#, 1, "no such escape in a string"),
        (br#""a\u00""#, 2, "no such escape in a string"),
        (br#""\ud800""#, 1, "no such escape in a string"),
        (br#""\udc00""#, 1, "no such escape in a string"),
        (br#""\ud800\u0041""#, 1, "no such escape in a string"),
        (br#""\ud800xxxxxx""#, 1, "no such escape in a string"),
    ];
    for (source, offset, text) in table {
        let name = source.escape_ascii();
        let error = parse(source).expect_err(&name.to_string());
        assert_eq!((error.offset, error.what.to_string().as_str()), (*offset, *text), "{name}");
    }
}

#[test]
fn an_escaped_nul_is_a_byte_for_the_caller_to_judge() {
    let table: &[(&[u8], &[u8])] = &[
        (br#""a\u0000b""#, b"a\0b"),
        (br#""\uZZZZ""#, b"\0"),
        // cJSON takes the four characters as they come, be they digits or not.
        (br#""\u00\"41""#, b"\x0041"),
        (br#""\u000\"""#, b"\0\""),
        (br#""\u000\"x""#, b"\0\"x"),
        (br#""\u000\\""#, b"\0\""),
    ];
    for (source, expected) in table {
        let value = parse(source).unwrap();
        assert_eq!(value.as_bytes().unwrap(), *expected, "{}", source.escape_ascii());
    }
}

#[test]
fn a_thousand_levels_are_read_and_one_more_is_an_error() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    let thousand = nested(1000);
    assert_eq!(printed(&parse(&thousand).unwrap(), Style::Compact), thousand);
    let too_deep = ParseError { offset: 1000, what: Problem::TooDeep { limit: 1000 } };
    assert_eq!(parse(&nested(1001)), Err(too_deep));
    assert_eq!(parse(&vec![b'['; 10_000_000]), Err(too_deep));
    assert!(parse(&b"{\"a\":".repeat(1_000_000)).is_err());
}

#[test]
fn both_forms_are_those_of_cjson() {
    let compact = concat!(
        r#"{"b":{},"c":[],"d":[1,2,[3,[]]],"e":[{},{"x":1,"y":[{"z":null}]}],"f":true,"#,
        r#""g\n":"\u0001/\b\f\n\r\t\"\\\u001f"}"#
    );
    let pretty = concat!(
        "{\n\t\"b\":\t{\n\t},\n\t\"c\":\t[],\n\t\"d\":\t[1, 2, [3, []]],\n",
        "\t\"e\":\t[{\n\t\t}, {\n\t\t\t\"x\":\t1,\n\t\t\t\"y\":\t[{\n\t\t\t\t\t\"z\":\tnull\n",
        "\t\t\t\t}]\n\t\t}],\n\t\"f\":\ttrue,\n",
        "\t\"g\\n\":\t\"\\u0001/\\b\\f\\n\\r\\t\\\"\\\\\\u001f\"\n}"
    );
    let value = parse(compact.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(printed(&value, Style::Compact)).unwrap(), compact);
    assert_eq!(String::from_utf8(printed(&value, Style::Pretty)).unwrap(), pretty);
    assert_eq!(printed(&parse(b"[]").unwrap(), Style::Pretty), b"[]");
    assert_eq!(printed(&parse(b"{}").unwrap(), Style::Pretty), b"{\n}");
}

#[test]
fn raw_text_is_written_as_it_is() {
    let mut writer = Writer::append_to(b"x".to_vec(), Style::Compact);
    writer.begin_array();
    writer.raw("{ \"a\" : 1 }");
    writer.int(-2);
    writer.begin_object();
    writer.key("b");
    writer.raw("[ ]");
    writer.key("c");
    writer.bool(false);
    writer.end_object();
    writer.end_array();
    assert_eq!(writer.into_bytes(), b"x[{ \"a\" : 1 },-2,{\"b\":[ ],\"c\":false}]");
}

/// Values whose numbers are integers, for others are not written.
fn values() -> impl Strategy<Value = Value<'static>> {
    let value = |kind| Value { kind, span: 0..0 };
    let text = || prop::collection::vec(any::<u8>(), 0..12).prop_map(std::borrow::Cow::Owned);
    let leaf = prop_oneof![
        Just(Kind::Null),
        any::<bool>().prop_map(Kind::Bool),
        any::<i32>().prop_map(|number| Kind::Number(f64::from(number))),
        text().prop_map(Kind::String),
    ];
    leaf.prop_map(value).prop_recursive(6, 64, 8, move |inner| {
        let member =
            (text(), inner.clone()).prop_map(|(name, value)| super::Member { name, name_at: 0, value });
        prop_oneof![
            prop::collection::vec(inner, 0..8).prop_map(Kind::Array),
            prop::collection::vec(member, 0..8).prop_map(Kind::Object),
        ]
        .prop_map(value)
    })
}

/// The value without its places.
fn placeless(mut value: Value<'_>) -> Value<'_> {
    value.span = 0..0;
    match &mut value.kind {
        Kind::Array(elements) => {
            *elements = std::mem::take(elements).into_iter().map(placeless).collect();
        }
        Kind::Object(members) => {
            for member in members {
                member.name_at = 0;
                let nothing = Value { kind: Kind::Null, span: 0..0 };
                member.value = placeless(std::mem::replace(&mut member.value, nothing));
            }
        }
        _ => {}
    }
    value
}

/// Bytes that are nearly JSON.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\\u",
        b"d800",
        b"\\udc00",
        b"a",
        b"0",
        b"-",
        b".",
        b"e",
        b"+",
        b"null",
        b"true",
        b"false",
        b" ",
        b"\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\"a\"",
        b"\"a\":",
        b"1",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(value in values()) {
        for style in [Style::Compact, Style::Pretty] {
            let text = printed(&value, style);
            prop_assert_eq!(placeless(parse(&text).unwrap()), value.clone());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn near_json_does_not_panic_and_places_are_inside(bytes in nearly_json()) {
        match parse(&bytes) {
            Ok(value) => prop_assert_eq!(parse(value.raw(&bytes)).map(placeless), Ok(placeless(value))),
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }
}
