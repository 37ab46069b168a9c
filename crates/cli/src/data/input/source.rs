//! The bytes of a file or of standard input, decompressed: their first bytes tell whether they are gzip
//! or zstd.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use flate2::bufread::MultiGzDecoder;

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;
/// Bytes looked at to tell what the data are.
const HEAD: u64 = 64 << 10;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The name of standard input, where a file's path is expected.
pub const STANDARD_INPUT: &str = "-";

/// Decompressed bytes.
pub struct Source {
    pub reader: Box<dyn BufRead>,
    /// The first of them, which `reader` gives too.
    pub head: Vec<u8>,
    /// Bytes taken from the disk so far.
    pub consumed: Rc<Cell<u64>>,
    /// Bytes of the file; 0 if that is not known.
    pub total: u64,
}

impl Source {
    /// Opens a file, or standard input if the path is `-`.
    pub fn open(path: &Path) -> Result<Self> {
        let (file, total): (Box<dyn Read>, u64) = if path == Path::new(STANDARD_INPUT) {
            (Box::new(io::stdin().lock()), 0)
        } else {
            let context = || format!("cannot read {}", path.display());
            ensure!(!path.is_dir(), "{} is a directory; give one of its files", path.display());
            let file = File::open(path).with_context(context)?;
            let total = file.metadata().with_context(context)?.len();
            (Box::new(file), total)
        };
        Self::new(file, total).with_context(|| format!("cannot read {}", path.display()))
    }

    fn new(file: Box<dyn Read>, total: u64) -> io::Result<Self> {
        let consumed: Rc<Cell<u64>> = Rc::default();
        let raw = Counted { file, consumed: Rc::clone(&consumed) };
        let (head, raw) = peek(BufReader::with_capacity(BUFFER, raw))?;
        let plain: Box<dyn BufRead> = if head.starts_with(&ZSTD_MAGIC) {
            let decoder = zstd::Decoder::with_buffer(raw)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else if head.starts_with(&GZIP_MAGIC) {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        let (head, plain) = peek(plain)?;
        Ok(Self { reader: Box::new(plain), head, consumed, total })
    }
}

/// Returns the first bytes, and a reader of all.
fn peek<R: BufRead>(mut reader: R) -> io::Result<(Vec<u8>, impl BufRead)> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

/// Counts the bytes taken from the disk.
struct Counted {
    file: Box<dyn Read>,
    consumed: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.consumed.set(self.consumed.get() + read as u64);
        Ok(read)
    }
}
