//! A record's headers, packed as on the wire while the detector works.
//!
//! The SDK's list takes 16 bytes for a header that has 2 on the wire, and a write needs a list of
//! its own. Packed in between, the two need not be held at once.

use redpanda_transform_sdk::BorrowedHeader;
use redpanda_transform_sdk_varint as varint;

/// Appends the headers to `packed`.
pub(super) fn pack(headers: &[BorrowedHeader], packed: &mut Vec<u8>) {
    for header in headers {
        varint::write_sized_buffer(packed, Some(header.key()));
        varint::write_sized_buffer(packed, header.value());
    }
}

/// Returns whether one of `count` packed headers has this name.
#[cold]
#[inline(never)]
pub(super) fn has(name: &str, packed: &[u8], count: usize) -> bool {
    let headers = unpack(packed, count, &[]);
    headers.iter().any(|header| header.key() == name.as_bytes())
}

/// Makes a list of `count` packed headers, with `last` behind them.
pub(super) fn unpack<'p>(
    packed: &'p [u8],
    count: usize,
    last: &[BorrowedHeader<'p>],
) -> Vec<BorrowedHeader<'p>> {
    let mut rest = packed;
    let mut part = || {
        let read = varint::read_sized_buffer(rest).expect("written by pack");
        rest = &rest[read.read..];
        read.value
    };
    let mut headers = Vec::with_capacity(count + last.len());
    for _ in 0..count {
        let key = part().expect("pack gives every header a key");
        headers.push(BorrowedHeader::new(key, part()));
    }
    headers.extend_from_slice(last);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::cases(256))]

        #[test]
        fn headers_survive_packing(
            headers in prop::collection::vec((any::<Vec<u8>>(), any::<Option<Vec<u8>>>()), 0..8),
        ) {
            let given = headers.iter().map(|(key, value)| (key, value.as_deref()));
            let mut given: Vec<_> = given.map(|(key, value)| BorrowedHeader::new(key, value)).collect();
            let mut packed = b"before".to_vec();
            pack(&given, &mut packed);
            prop_assert_eq!(&unpack(&packed[6..], given.len(), &[]), &given);
            let last = [b"one", b"two"].map(|key| BorrowedHeader::new(key, None));
            let found = unpack(&packed[6..], given.len(), &last);
            given.extend(last);
            prop_assert_eq!(found, given);
        }
    }
}
