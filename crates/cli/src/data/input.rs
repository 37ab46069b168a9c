//! The lines of a file, plain or zstd.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use crate::show::progress;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The lines of a file, one after the other, without their line feeds. The file's first bytes tell
/// whether it is compressed.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
    consumed: Rc<Cell<u64>>,
    bar: ProgressBar,
}

impl Lines {
    /// Opens a file; progress is shown as `what`.
    pub fn open(path: &Path, what: &'static str) -> Result<Self> {
        let consumed = Rc::default();
        let context = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(context)?;
        let total = file.metadata().with_context(context)?.len();
        let counted = Counted { file, consumed: Rc::clone(&consumed) };
        let mut plain = BufReader::with_capacity(BUFFER, counted);
        let is_zstd = plain.fill_buf().with_context(context)?.starts_with(&ZSTD_MAGIC);
        let reader: Box<dyn BufRead> = if is_zstd {
            let decoder = zstd::Decoder::with_buffer(plain).with_context(context)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else {
            Box::new(plain)
        };
        let bar = progress::bytes(what, total);
        Ok(Self { path: path.into(), reader, line: Vec::new(), number: 0, consumed, bar })
    }

    /// Reads the next line; returns its number, from 1, and its bytes, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line);
        let read = read.with_context(|| {
            format!("cannot read {} after line {}", self.path.display(), self.number)
        })?;
        if read == 0 {
            self.done();
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.number.is_multiple_of(4096) {
            self.bar.set_position(self.consumed.get());
        }
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }

    /// Clears the progress bar. The end of the file does so too; an early end must call this.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// Counts the bytes taken from the disk.
struct Counted {
    file: File,
    consumed: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.consumed.set(self.consumed.get() + read as u64);
        Ok(read)
    }
}

/// Returns the name by which an answer speaks of a file: without its directories.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
