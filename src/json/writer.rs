//! Writes JSON in the two forms that cJSON prints.

/// The two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No white space: `cJSON_PrintUnformatted`.
    Compact,
    /// A line for each member, indented with tabs, a tab after the colon; the elements of an array
    /// on one line: `cJSON_Print`.
    Pretty,
}

/// Writes one JSON value, piece by piece. It is for the caller to end what it began and to give each
/// member of an object a key; the writer puts the commas and the white space.
#[derive(Clone, Debug)]
pub struct Writer {
    out: Vec<u8>,
    style: Style,
    open: Vec<Open>,
    /// A key was written and its value is due.
    after_key: bool,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    object: bool,
    empty: bool,
}

impl Writer {
    /// A writer into a new buffer.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self::append_to(Vec::new(), style)
    }

    /// A writer that appends to `out`.
    #[must_use]
    pub fn append_to(out: Vec<u8>, style: Style) -> Self {
        Self { out, style, open: Vec::new(), after_key: false }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What was written and not forgotten so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.out
    }

    /// Goes on with an empty buffer.
    pub fn forget_written(&mut self) {
        self.out.clear();
    }

    /// `{`
    pub fn begin_object(&mut self) {
        self.begin(b'{', true);
    }

    /// `}`
    pub fn end_object(&mut self) {
        self.open.pop();
        if self.style == Style::Pretty {
            self.new_line();
        }
        self.out.push(b'}');
    }

    /// `[`
    pub fn begin_array(&mut self) {
        self.begin(b'[', false);
    }

    /// `]`
    pub fn end_array(&mut self) {
        self.open.pop();
        self.out.push(b']');
    }

    /// The name of the member whose value comes next.
    pub fn key(&mut self, name: impl AsRef<[u8]>) {
        let first = self.open.last_mut().is_none_or(|open| std::mem::replace(&mut open.empty, false));
        if !first {
            self.out.push(b',');
        }
        if self.style == Style::Pretty {
            self.new_line();
        }
        self.escaped(name.as_ref());
        self.out.push(b':');
        if self.style == Style::Pretty {
            self.out.push(b'\t');
        }
        self.after_key = true;
    }

    /// A string; bytes that are not UTF-8 are written as they are.
    pub fn string(&mut self, text: impl AsRef<[u8]>) {
        self.before_value();
        self.escaped(text.as_ref());
    }

    /// An integer.
    pub fn int(&mut self, value: i64) {
        self.raw(value.to_string());
    }

    /// `true` or `false`
    pub fn bool(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// `null`
    pub fn null(&mut self) {
        self.raw("null");
    }

    /// The text of a whole value, written as it is.
    pub fn raw(&mut self, json: impl AsRef<[u8]>) {
        self.before_value();
        self.out.extend_from_slice(json.as_ref());
    }

    fn begin(&mut self, bracket: u8, object: bool) {
        self.before_value();
        self.out.push(bracket);
        self.open.push(Open { object, empty: true });
    }

    fn before_value(&mut self) {
        if std::mem::replace(&mut self.after_key, false) {
            return;
        }
        let Some(open) = self.open.last_mut() else {
            return;
        };
        if !open.object && !std::mem::replace(&mut open.empty, false) {
            self.out.extend_from_slice(if self.style == Style::Pretty { b", " } else { b"," });
        }
    }

    fn new_line(&mut self) {
        self.out.push(b'\n');
        self.out.extend(std::iter::repeat_n(b'\t', self.open.len()));
    }

    fn escaped(&mut self, text: &[u8]) {
        self.out.push(b'"');
        let mut rest = text;
        while let Some(plain) = rest.iter().position(|&byte| needs_escape(byte)) {
            let (before, special) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
            self.out.extend_from_slice(before);
            let Some((&byte, after)) = special.split_first() else {
                break;
            };
            self.escape(byte);
            rest = after;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            b'"' | b'\\' => byte,
            _ => {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', letter]);
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}
