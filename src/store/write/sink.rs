//! Takes what was written away while more is being written, so that it never stands in memory together.

use std::io;

use crate::json::Writer;

/// How many bytes are let come together.
const PIECE: usize = 64 * 1024;

/// Where the bytes of a [`Writer`] go. After its first error they go nowhere, and [`Self::end`] tells.
pub(super) struct Sink<'o> {
    out: &'o mut dyn io::Write,
    taken: io::Result<()>,
}

impl<'o> Sink<'o> {
    pub(super) fn new(out: &'o mut dyn io::Write) -> Self {
        Self { out, taken: Ok(()) }
    }

    /// Takes the bytes if there are many.
    pub(super) fn take(&mut self, writer: &mut Writer) {
        if writer.written().len() > PIECE {
            self.take_all(writer);
        }
    }

    /// Takes the last bytes.
    ///
    /// # Errors
    /// What kept any of them from being taken.
    pub(super) fn end(mut self, mut writer: Writer) -> io::Result<()> {
        self.take_all(&mut writer);
        self.taken
    }

    fn take_all(&mut self, writer: &mut Writer) {
        if self.taken.is_ok() {
            self.taken = self.out.write_all(writer.written());
        }
        writer.forget_written();
    }
}
