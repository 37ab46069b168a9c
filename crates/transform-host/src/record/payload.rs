//! A record's payload as it crosses the ABI: key, value and headers with zigzag varint lengths.
//!
//! The reader is as lenient as the broker's: a varint past the end reads as zero, so a truncated
//! payload is valid. Malformed are only a length past the buffer, a length below −1, a negative
//! header count, and bytes left over. For instance `01 02 61 00` is a record with a null key
//! (length −1), the value `a` (length 1) and no headers, and `01` alone is one with a null key, an
//! empty value and no headers.

/// Appends `value` as a zigzag varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a length and its bytes; `None` is length −1.
pub(crate) fn put_sized(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_varint(out, bytes.map_or(-1, |b| b.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// Encodes one record.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&[u8], Option<&[u8]>)],
) {
    put_sized(out, key);
    put_sized(out, value);
    put_varint(out, headers.len() as i64);
    for (key, value) in headers {
        put_sized(out, Some(key));
        put_sized(out, *value);
    }
}

/// Returns the length of `value` as a zigzag varint.
pub(crate) fn varint_len(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

/// The error of a length or a count that no record can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads varints and sized bytes off the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// Reads a zigzag varint of at most ten bytes. Whatever is missing reads as zero.
    #[inline]
    pub(crate) fn varint(&mut self) -> i64 {
        if let [byte, rest @ ..] = self.0
            && *byte < 0x80
        {
            self.0 = rest;
            let raw = u64::from(*byte);
            return (raw >> 1) as i64 ^ -((raw & 1) as i64);
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> i64 {
        let mut raw = 0u64;
        let mut shift = 0;
        while shift <= 63 {
            let Some((&byte, rest)) = self.0.split_first() else { break };
            self.0 = rest;
            raw |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        (raw >> 1) as i64 ^ -((raw & 1) as i64)
    }

    /// Reads a length and that many bytes, or null.
    #[inline]
    pub(crate) fn sized(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.varint() {
            -1 => Ok(None),
            len => self.take(len).map(Some),
        }
    }

    /// Takes exactly `len` bytes.
    #[inline]
    pub(crate) fn take(&mut self, len: i64) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// Checks that the broker accepts these bytes as a record.
#[inline]
pub(crate) fn validate(payload: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader(payload);
    reader.sized()?;
    reader.sized()?;
    let headers = reader.varint();
    if headers < 0 {
        return Err(Malformed);
    }
    for _ in 0..headers {
        // All further headers read as empty, whatever their number.
        if reader.0.is_empty() {
            break;
        }
        reader.sized()?;
        reader.sized()?;
    }
    if reader.0.is_empty() { Ok(()) } else { Err(Malformed) }
}

/// A record's key, value and headers, read from its payload when they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a>(&'a [u8]);

impl<'a> Payload<'a> {
    /// Makes a payload of bytes that have passed [`validate`]; others would read as null.
    pub(crate) fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes as they cross the ABI.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the key; `None` is null.
    pub fn key(self) -> Option<&'a [u8]> {
        Reader(self.0).sized().unwrap_or(None)
    }

    /// Returns the value; `None` is null (a tombstone).
    pub fn value(self) -> Option<&'a [u8]> {
        let mut reader = Reader(self.0);
        reader.sized().and_then(|_| reader.sized()).unwrap_or(None)
    }

    /// Returns the names and values of the headers, in order. A null name reads as empty.
    pub fn headers(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let mut reader = Reader(self.0);
        let skipped = reader.sized().and_then(|_| reader.sized());
        let count = if skipped.is_ok() { reader.varint().max(0) } else { 0 };
        (0..count).map_while(move |_| {
            if reader.0.is_empty() {
                return None;
            }
            let name = reader.sized().ok()?.unwrap_or_default();
            Some((name, reader.sized().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_their_borders() {
        for value in [0, -1, 1, 63, 64, -64, -65, 8191, 8192, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_len(value), "{value}");
            assert_eq!(Reader(&bytes).varint(), value);
        }
    }

    #[test]
    fn a_varint_ends_after_ten_bytes() {
        let mut reader = Reader(&[0xff; 12]);
        reader.varint();
        assert_eq!(reader.0.len(), 2);
    }

    #[test]
    fn a_record_reads_back() {
        let headers: [(&[u8], Option<&[u8]>); 2] = [(b"a", Some(b"1")), (b"b", None)];
        let mut bytes = Vec::new();
        encode(&mut bytes, Some(b"key"), None, &headers);
        assert_eq!(validate(&bytes), Ok(()));
        let payload = Payload::trusted(&bytes);
        assert_eq!(payload.key(), Some(&b"key"[..]));
        assert_eq!(payload.value(), None);
        assert_eq!(payload.headers().collect::<Vec<_>>(), headers);
    }

    #[test]
    fn truncation_is_valid_and_lies_are_not() {
        let cases: &[(&[u8], bool)] = &[
            (&[], true),  // everything reads as zero
            (&[1], true), // null key, the rest missing
            (&[1, 4, b'a', b'b'], true),
            (&[1, 1], true),
            (&[1, 1, 0], true),
            (&[1, 1, 2], true), // one header, missing
            (&[0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], true), // 2^63 − 1
            (&[0x80], true),    // an unfinished varint
            (&[1, 4, b'a'], false), // a value length past the end
            (&[3], false),      // key length −2
            (&[1, 3], false),   // value length −2
            (&[1, 1, 1], false), // header count −1
            (&[1, 1, 2, 3], false), // header key length −2
            (&[1, 1, 2, 2], false), // header key past the end
            (&[1, 1, 0, 0], false), // bytes left over
        ];
        for (bytes, valid) in cases {
            assert_eq!(validate(bytes).is_ok(), *valid, "{bytes:?}");
            let payload = Payload::trusted(bytes);
            let _ = (payload.key(), payload.value(), payload.headers().count());
        }
    }
}
