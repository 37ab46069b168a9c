//! Parquet: each row as a JSON object, the columns' types kept.
//!
//! | column | in the record |
//! |---|---|
//! | boolean, integer, decimal | as they are, to the digit |
//! | float | the shortest number that reads as the same float; `"NaN"`, `"inf"`, `"-inf"` |
//! | text, enum, UUID | text |
//! | bytes | text if they are UTF-8, else hexadecimal digits |
//! | timestamp | RFC 3339 in UTC; without a zone if the column is of local times |
//! | date, time of day | `2018-04-01`, `03:18:44.5` |
//! | struct, list, map | an object, an array, an object |
//! | null | null |

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use fraud_plan::time::millis::SECOND;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::data_type::Decimal;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};

use super::table::json_text;
use crate::show::units::{date, rfc3339};

/// The bytes that such a file begins with.
const MAGIC: &[u8] = b"PAR1";

/// Most digits of a decimal.
const MAX_DIGITS: i32 = 38;

/// The rows of a file.
pub struct Parquet {
    rows: RowIter<'static>,
    schema: TypePtr,
    number: u64,
    count: u64,
}

impl Parquet {
    /// Returns whether the data begin as Parquet does.
    pub fn is(head: &[u8]) -> bool {
        head.starts_with(MAGIC)
    }

    /// Opens a file; what is not one on disk, such as standard input, is read into memory, for the end of
    /// Parquet says what is in it.
    pub fn open(path: &Path, mut reader: Box<dyn Read>) -> Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let on_disk = File::open(path).ok().filter(|_| path.is_file());
        let is_plain = |mut file: &File| file.read_exact(&mut magic).is_ok() && magic == MAGIC;
        let file: Box<dyn FileReader> = match on_disk.filter(is_plain) {
            Some(file) => Box::new(SerializedFileReader::new(file)?),
            None => {
                let mut all = Vec::new();
                reader.read_to_end(&mut all)?;
                Box::new(SerializedFileReader::new(Bytes::from(all))?)
            }
        };
        let facts = file.metadata().file_metadata();
        let schema = facts.schema_descr().root_schema_ptr();
        for column in facts.schema_descr().columns() {
            let name = column.path().string();
            check(column.physical_type(), column.converted_type(), column.type_precision())
                .with_context(|| format!("the column {name} cannot be read; leave it out"))?;
        }
        let count = u64::try_from(facts.num_rows()).unwrap_or(0);
        Ok(Self { rows: RowIter::from_file_into(file), schema, number: 0, count })
    }

    /// Writes the next row as an object; returns its number, from 1, or `None` at the end.
    pub fn next(&mut self, object: &mut Vec<u8>) -> Result<Option<u64>> {
        let Some(row) = self.rows.next().transpose()? else { return Ok(None) };
        write_row(&row, Some(&self.schema), object);
        self.number += 1;
        Ok(Some(self.number))
    }

    /// Returns the share of the rows that have been read.
    pub fn done(&self) -> f64 {
        self.number as f64 / self.count.max(1) as f64
    }
}

/// Fails if the values of a column cannot be read: of types that hardly any program writes.
fn check(physical: Physical, converted: ConvertedType, digits: i32) -> Result<()> {
    use ConvertedType as C;
    use Physical as P;
    let is_known = match physical {
        P::BOOLEAN | P::FLOAT | P::DOUBLE | P::INT96 => true,
        P::INT32 => {
            !matches!(converted, C::TIME_MICROS | C::TIMESTAMP_MILLIS | C::TIMESTAMP_MICROS)
        }
        P::INT64 => !matches!(converted, C::DATE | C::TIME_MILLIS),
        P::BYTE_ARRAY | P::FIXED_LEN_BYTE_ARRAY => converted != C::INTERVAL,
    };
    ensure!(is_known, "its type is {physical} as {converted}");
    if converted == C::DECIMAL && digits > MAX_DIGITS {
        bail!("its decimals have up to {digits} digits; at most {MAX_DIGITS} are read");
    }
    Ok(())
}

fn write_row(row: &Row, schema: Option<&Type>, out: &mut Vec<u8>) {
    out.push(b'{');
    let kinds = schema.filter(|kind| kind.is_group()).map_or(&[][..], Type::get_fields);
    for (at, (name, field)) in row.get_column_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&json_text(name.as_bytes()));
        out.push(b':');
        write_field(field, kinds.get(at).map(|kind| &**kind), out);
    }
    out.push(b'}');
}

/// Writes a value; `kind` is its column's type, which says more than the value does.
fn write_field(field: &Field, kind: Option<&Type>, out: &mut Vec<u8>) {
    let logical = kind.and_then(|kind| kind.get_basic_info().logical_type_ref());
    let is_utc = match logical {
        Some(LogicalType::Timestamp(kind)) => kind.is_adjusted_to_u_t_c,
        _ => true,
    };
    let timestamp = |value: i64, a_second: i64| instant(value, a_second, is_utc);
    let text = match field {
        Field::Null => "null".to_owned(),
        Field::Bool(value) => value.to_string(),
        Field::Byte(value) => value.to_string(),
        Field::Short(value) => value.to_string(),
        Field::Int(value) => value.to_string(),
        Field::Long(value) => match logical {
            // The older kind of annotation has no nanoseconds.
            Some(LogicalType::Timestamp(kind)) => quoted(&match kind.unit {
                TimeUnit::MILLIS => timestamp(*value, 1_000),
                TimeUnit::MICROS => timestamp(*value, 1_000_000),
                TimeUnit::NANOS => timestamp(*value, 1_000_000_000),
            }),
            Some(LogicalType::Time(_)) => quoted(&time_of_day(*value, 1_000_000_000)),
            _ => value.to_string(),
        },
        Field::UByte(value) => value.to_string(),
        Field::UShort(value) => value.to_string(),
        Field::UInt(value) => value.to_string(),
        Field::ULong(value) => value.to_string(),
        Field::Float16(value) => float(value.to_f32(), value.to_f32().is_finite()),
        Field::Float(value) => float(value, value.is_finite()),
        Field::Double(value) => float(value, value.is_finite()),
        Field::Decimal(value) => decimal(value),
        Field::Str(text) => quoted(text),
        Field::Bytes(bytes) => quoted(&match (logical, std::str::from_utf8(bytes.data())) {
            (Some(LogicalType::Uuid), _) => uuid(bytes.data()),
            (_, Ok(text)) => text.to_owned(),
            (_, Err(_)) => hexadecimal(bytes.data()),
        }),
        Field::Date(day) => quoted(&date(i64::from(*day))),
        Field::TimeMillis(value) => quoted(&time_of_day(i64::from(*value), 1_000)),
        Field::TimeMicros(value) => quoted(&time_of_day(*value, 1_000_000)),
        Field::TimestampMillis(value) => quoted(&timestamp(*value, 1_000)),
        Field::TimestampMicros(value) => quoted(&timestamp(*value, 1_000_000)),
        Field::Group(row) => return write_row(row, kind, out),
        Field::ListInternal(list) => {
            out.push(b'[');
            for (at, item) in list.elements().iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_field(item, kind.and_then(item_kind), out);
            }
            return out.push(b']');
        }
        Field::MapInternal(map) => {
            out.push(b'{');
            let kinds = kind.and_then(item_kind).filter(|kind| kind.is_group());
            let value_kind = kinds.and_then(|pair| pair.get_fields().get(1)).map(|kind| &**kind);
            for (at, (key, value)) in map.entries().iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let mut name = Vec::new();
                write_field(key, None, &mut name);
                out.extend_from_slice(&match name.first() {
                    Some(b'"') => name,
                    _ => json_text(&name),
                });
                out.push(b':');
                write_field(value, value_kind, out);
            }
            return out.push(b'}');
        }
    };
    out.extend_from_slice(text.as_bytes());
}

/// Returns the type of a list's items. Around them is a group that the items' records do not have, unless an
/// old program wrote the list, or the column is just repeated.
fn item_kind(kind: &Type) -> Option<&Type> {
    if kind.is_primitive() {
        return Some(kind);
    }
    let repeated = kind.get_fields().first()?;
    let is_wrapped = repeated.is_group() && repeated.get_fields().len() == 1;
    Some(if is_wrapped { &repeated.get_fields()[0] } else { repeated })
}

fn quoted(text: &str) -> String {
    String::from_utf8(json_text(text.as_bytes())).expect("JSON is UTF-8")
}

fn float(value: impl serde::Serialize + std::fmt::Display, is_finite: bool) -> String {
    match is_finite {
        true => serde_json::to_string(&value).expect("a finite number"),
        false => quoted(&value.to_string()),
    }
}

/// Writes `value`, of which `a_second` make a second since 1970.
fn instant(value: i64, a_second: i64, is_utc: bool) -> String {
    let seconds = rfc3339(value.div_euclid(a_second).saturating_mul(SECOND));
    let zone = if is_utc { "Z" } else { "" };
    format!("{}{}{zone}", &seconds[..seconds.len() - 1], fraction(value, a_second))
}

/// Writes `value`, of which `a_second` make a second since midnight.
fn time_of_day(value: i64, a_second: i64) -> String {
    instant(value, a_second, false).split_off("1970-01-01T".len())
}

fn fraction(value: i64, a_second: i64) -> String {
    let digits = a_second.ilog10() as usize;
    let text = format!(".{:0digits$}", value.rem_euclid(a_second));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a decimal to its last digit.
fn decimal(value: &Decimal) -> String {
    let bytes = value.data();
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let extension = if is_negative { -1_i128 } else { 0 };
    let number = bytes.iter().fold(extension, |number, byte| number << 8 | i128::from(*byte));
    let scale = usize::try_from(value.scale()).unwrap_or(0);
    let digits = format!("{:0width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{}{whole}{point}{rest}", if is_negative { "-" } else { "" })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uuid(bytes: &[u8]) -> String {
    let mut text = hexadecimal(bytes);
    for at in [20, 16, 12, 8] {
        text.insert(at.min(text.len()), '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Write, empty};

    use super::*;

    /// Three rows of every kind of column, written by pyarrow.
    const FILES: [&[u8]; 3] = [
        include_bytes!("../../../tests/parquet/snappy.parquet"),
        include_bytes!("../../../tests/parquet/zstd.parquet"),
        include_bytes!("../../../tests/parquet/gzip.parquet"),
    ];

    /// The rows of a file on disk, or of one that is not.
    fn rows(content: &'static [u8], on_disk: bool) -> Vec<String> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(content).expect("a writable file");
        let opened = match on_disk {
            true => Parquet::open(file.path(), Box::new(empty())),
            false => Parquet::open(Path::new("-"), Box::new(content)),
        };
        let mut rows = opened.expect("readable");
        let mut all = Vec::new();
        let mut object = Vec::new();
        while let Some(number) = rows.next(&mut object).expect("readable") {
            all.push(String::from_utf8(std::mem::take(&mut object)).expect("UTF-8"));
            assert_eq!(number as usize, all.len());
        }
        assert_eq!(rows.done(), 1.0);
        all
    }

    #[test]
    fn every_kind_of_column() {
        let expect = [
            r#"{"id":1,"big":18446744073709551615,"card":"a","amount":221.14,"wide":-12345678901234567890.123,"ms":"1970-01-01T00:00:00Z","us":"2018-04-01T03:18:44.000001Z","ns":"2018-04-01T03:18:44.123456789","day":"2018-04-01","clock":"03:18:44.5","f32":0.1,"f64":0.1,"ok":true,"where":{"lat":1.5,"at":{"t":"2018-04-01T03:18:44"}},"items":[{"p":1},{"p":null}],"times":["2018-04-01T03:18:44.123456789"],"tags":{"k":1},"raw":"ff00"}"#,
            r#"{"id":2,"big":0,"card":"b\n\"","amount":-0.05,"wide":0.001,"ms":"1970-01-01T00:00:00.001Z","us":"1969-12-31T23:59:59.999999Z","ns":"1970-01-01T00:00:00","day":"1970-01-01","clock":"00:00:00","f32":"NaN","f64":"-inf","ok":false,"where":null,"items":[],"times":[],"tags":{},"raw":"text"}"#,
            r#"{"id":null,"big":null,"card":"é","amount":null,"wide":null,"ms":null,"us":null,"ns":null,"day":null,"clock":null,"f32":null,"f64":1e+300,"ok":null,"where":{"lat":null,"at":null},"items":null,"times":null,"tags":null,"raw":null}"#,
        ];
        for content in FILES {
            for on_disk in [true, false] {
                for (row, expect) in rows(content, on_disk).iter().zip(expect) {
                    assert_eq!(row, expect, "{on_disk}");
                }
            }
        }
    }

    #[test]
    fn types_that_hardly_any_program_writes() {
        for (physical, converted, digits, expect) in [
            (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::INTERVAL, 0, "as INTERVAL"),
            (Physical::BYTE_ARRAY, ConvertedType::DECIMAL, 76, "76 digits"),
            (Physical::INT64, ConvertedType::DATE, 0, "INT64 as DATE"),
        ] {
            let error = check(physical, converted, digits).expect_err(expect).to_string();
            assert!(error.contains(expect), "{error}");
        }
        assert_eq!(uuid(&[0x11; 16]), "11111111-1111-1111-1111-111111111111");
    }
}
