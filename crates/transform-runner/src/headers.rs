//! A record's headers as bytes. `rdkafka` takes their names for UTF-8 and panics at others; the protocol
//! allows any bytes, and a broker gives a transform what there is.
//!
//! librdkafka itself reads a name up to its first zero byte, so that what follows one is lost.

use std::ffi::CStr;
use std::ptr;

use rdkafka::bindings::{rd_kafka_header_add, rd_kafka_header_get_all, rd_kafka_headers_t};
use rdkafka::message::{BorrowedHeaders, OwnedHeaders};
use rdkafka::types::RDKafkaRespErr;

/// Returns the names and values.
pub(crate) fn iter(headers: &BorrowedHeaders) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    (0..).map_while(|index| get(headers, index))
}

fn get(headers: &BorrowedHeaders, index: usize) -> Option<(&[u8], Option<&[u8]>)> {
    let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
    let list = ptr::from_ref(headers).cast::<rd_kafka_headers_t>();
    // SAFETY: a `BorrowedHeaders` lies where librdkafka's list does: rdkafka makes it by this very cast.
    let error = unsafe { rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size) };
    if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: without an error the name ends with a zero byte, and it is the list's, as the value is: they
    // live as long as the list, which is borrowed.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    let value = (!value.is_null())
        // SAFETY: as above; the value has `size` bytes.
        .then(|| unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) });
    Some((name, value))
}

/// Adds a header.
pub(crate) fn add(headers: &mut OwnedHeaders, name: &[u8], value: Option<&[u8]>) {
    let list = ptr::from_ref(headers.as_borrowed()).cast_mut().cast::<rd_kafka_headers_t>();
    let (bytes, size) =
        value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len() as isize));
    // SAFETY: the list is librdkafka's (see `get`), it is borrowed mutably, and name and value are copied.
    unsafe {
        rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, bytes.cast(), size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were_added() {
        let cases: [(&[u8], Option<&[u8]>); 5] = [
            (b"plain", Some(b"value")),
            (b"\xff\xfe name", Some(b"\x00\xff")),
            (b"", Some(b"")),
            (b"null", None),
            (b"plain", Some(b"again")),
        ];
        let mut headers = OwnedHeaders::new();
        for (name, value) in cases {
            add(&mut headers, name, value);
        }
        assert_eq!(iter(headers.as_borrowed()).collect::<Vec<_>>(), cases);
    }
}
