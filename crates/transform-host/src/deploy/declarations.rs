//! The imports and exports of a module, as the broker reads them.
//!
//! At deployment the broker does not validate a module, but reads its declarations with a reader of
//! its own. That one is stricter than the engine (no `v128`, no `ref.func` in a global's
//! initialiser, no exceptions, limits on counts and names) and more lenient too: it skips function
//! bodies. This reader accepts and refuses the same bytes.

use crate::limits::Limits;

/// The error of a module that the broker's reader refuses. The broker says no more to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invalid;

type Result<T> = std::result::Result<T, Invalid>;

/// The kind of an import or an export, as far as the checks ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Function {
        /// Set when its type is () → ().
        plain: bool,
    },
    Memory,
    Other,
}

/// The imports, by module and name, and the exports.
#[derive(Debug, Default)]
pub(crate) struct Declarations<'a> {
    pub imports: Vec<(&'a str, &'a str, Item)>,
    pub exports: Vec<(&'a str, Item)>,
}

// The broker keeps every vector below 1 MiB: the limit of a count is that over an element's size.
const MAX_FUNCTIONS: u32 = Limits::MAX_FUNCTIONS;
const MAX_ITEMS: u32 = (1 << 20) / 12;
const MAX_IMPORTS: u32 = (1 << 20) / 88;
const MAX_EXPORTS: u32 = (1 << 20) / 72;
const MAX_NAME: u32 = 512;
const MAX_PARAMS: u32 = 128;
const MAX_RESULTS: u32 = 64;

/// The order of the sections: data count (12) comes before code (10). A section may be repeated.
const ORDER: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

/// Reads a module's declarations.
pub(crate) fn read(wasm: &[u8]) -> Result<Declarations<'_>> {
    let rest = wasm.strip_prefix(b"\0asm\x01\0\0\0").ok_or(Invalid)?;
    let mut reader = Reader { bytes: rest, ..Reader::default() };
    let mut order = &ORDER[..];
    while let Some((&id, rest)) = reader.bytes.split_first() {
        reader.bytes = rest;
        if id != 0 {
            order = &order[order.iter().position(|&next| next == id).ok_or(Invalid)?..];
        }
        let size = reader.u32()?;
        match id {
            1 => reader.each(MAX_FUNCTIONS, |r| {
                let plain = r.signature()?;
                r.types.push(plain);
                Ok(())
            })?,
            2 => reader.each(MAX_IMPORTS, Reader::import)?,
            3 => reader.each(MAX_FUNCTIONS, |r| {
                let function = r.function()?;
                r.functions.push(function);
                Ok(())
            })?,
            4 => reader.each(MAX_ITEMS, Reader::table)?,
            5 => reader.each(MAX_ITEMS, Reader::memory)?,
            6 => reader.each(MAX_ITEMS, |r| {
                r.global()?;
                r.constant()
            })?,
            7 => reader.each(MAX_EXPORTS, Reader::export)?,
            _ => reader.skip(size as usize)?,
        }
    }
    Ok(reader.found)
}

/// A reader over the rest of the bytes, with the items found so far.
#[derive(Debug, Default)]
struct Reader<'a> {
    bytes: &'a [u8],
    /// For each type, whether it is () → ().
    types: Vec<bool>,
    /// The functions, first those imported.
    functions: Vec<Item>,
    tables: u32,
    memories: u32,
    globals: u32,
    found: Declarations<'a>,
}

impl<'a> Reader<'a> {
    /// Reads a count and that many items.
    fn each(&mut self, max: u32, mut one: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        let count = self.u32()?;
        if count > max {
            return Err(Invalid);
        }
        (0..count).try_for_each(|_| one(self))
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.bytes = self.bytes.get(len..).ok_or(Invalid)?;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        let (&byte, rest) = self.bytes.split_first().ok_or(Invalid)?;
        self.bytes = rest;
        Ok(byte)
    }

    /// Reads a LEB128 number of at most `max` bytes, and keeps its low 32 bits.
    fn leb(&mut self, max: u32) -> Result<u32> {
        let mut value = 0u64;
        for shift in (0..max).map(|i| 7 * i) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value as u32);
            }
        }
        Err(Invalid)
    }

    fn u32(&mut self) -> Result<u32> {
        self.leb(5)
    }

    fn name(&mut self) -> Result<&'a str> {
        let len = self.u32()?;
        if len > MAX_NAME {
            return Err(Invalid);
        }
        let (name, rest) = self.bytes.split_at_checked(len as usize).ok_or(Invalid)?;
        self.bytes = rest;
        std::str::from_utf8(name).map_err(|_| Invalid)
    }

    fn value_type(&mut self) -> Result<()> {
        match self.byte()? {
            0x7c..=0x7f | 0x6f | 0x70 => Ok(()),
            _ => Err(Invalid),
        }
    }

    fn reference_type(&mut self) -> Result<()> {
        match self.byte()? {
            0x6f | 0x70 => Ok(()),
            _ => Err(Invalid),
        }
    }

    /// Reads a function type; returns whether it is () → ().
    fn signature(&mut self) -> Result<bool> {
        if self.byte()? != 0x60 {
            return Err(Invalid);
        }
        let mut plain = true;
        for max in [MAX_PARAMS, MAX_RESULTS] {
            self.each(max, |r| {
                plain = false;
                r.value_type()
            })?;
        }
        Ok(plain)
    }

    fn function(&mut self) -> Result<Item> {
        let index = self.u32()? as usize;
        self.types.get(index).map(|&plain| Item::Function { plain }).ok_or(Invalid)
    }

    fn limits(&mut self) -> Result<()> {
        let has_maximum = self.byte()? != 0;
        self.u32()?;
        if has_maximum {
            self.u32()?;
        }
        Ok(())
    }

    fn table(&mut self) -> Result<()> {
        self.reference_type()?;
        self.limits()?;
        self.tables += 1;
        Ok(())
    }

    fn memory(&mut self) -> Result<()> {
        self.limits()?;
        self.memories += 1;
        Ok(())
    }

    fn global(&mut self) -> Result<()> {
        self.value_type()?;
        self.byte()?;
        self.globals += 1;
        Ok(())
    }

    /// Reads an initialiser: one instruction and `end`.
    fn constant(&mut self) -> Result<()> {
        match self.byte()? {
            0x23 | 0x41 => drop(self.u32()?),
            0x42 => drop(self.leb(10)?),
            0x43 => self.skip(4)?,
            0x44 => self.skip(8)?,
            0xd0 => self.reference_type()?,
            _ => return Err(Invalid),
        }
        if self.byte()? == 0x0b { Ok(()) } else { Err(Invalid) }
    }

    fn import(&mut self) -> Result<()> {
        let (module, name) = (self.name()?, self.name()?);
        let item = match self.byte()? {
            0 => {
                let function = self.function()?;
                self.functions.push(function);
                function
            }
            1 => self.table().map(|()| Item::Other)?,
            2 => self.memory().map(|()| Item::Memory)?,
            3 => self.global().map(|()| Item::Other)?,
            _ => return Err(Invalid),
        };
        self.found.imports.push((module, name, item));
        Ok(())
    }

    fn export(&mut self) -> Result<()> {
        let name = self.name()?;
        let kind = self.byte()?;
        let index = self.u32()?;
        let item = match kind {
            0 => *self.functions.get(index as usize).ok_or(Invalid)?,
            1 if index < self.tables => Item::Other,
            2 if index < self.memories => Item::Memory,
            3 if index < self.globals => Item::Other,
            _ => return Err(Invalid),
        };
        self.found.exports.push((name, item));
        Ok(())
    }
}
