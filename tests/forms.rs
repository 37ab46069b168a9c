//! Records as other systems write them: each with the spec that reads it, and what is read. The reader is
//! the module's own, run natively.

use fraud_detector::record::{Event, Reader, Record};

/// Reads a record by a spec of these keys, besides `[[entity]]` "c" at `c` unless they have one; returns the
/// event, or the reason and the field to blame.
fn read(keys: &str, record: &str) -> Result<Event, String> {
    let entity =
        if keys.contains("[[entity]]") { "" } else { "[[entity]]\nname = \"c\"\npath = \"c\"\n" };
    let feature = "[[feature]]\nname = \"x\"\nkind = \"time\"\npart = \"hour\"\n";
    let spec = format!("version = 1\n{keys}\n{entity}{feature}");
    let program = fraud_plan::compile::spec::parse(&spec, "spec").expect("a valid spec");
    let mut reader = Reader::new(&program);
    // Scanned, and again where the layout may be known.
    let found: Vec<_> = (0..2)
        .map(|_| match reader.read(record.as_bytes(), -1) {
            Ok(Record::Transaction { event, end }) => {
                assert_eq!(record.as_bytes()[end], b'}', "{record}");
                Ok(event.clone())
            }
            Ok(Record::Reports(_)) => Err("reports".to_owned()),
            Err(refusal) => {
                let field = refusal.field.map(|field| program.path(field.into()));
                Err(format!("{} {}", refusal.reason.code(), field.unwrap_or_default()))
            }
        })
        .collect();
    assert_eq!(format!("{:?}", found[0]), format!("{:?}", found[1]), "{record}");
    found.into_iter().next().expect("two")
}

/// Checks a record's time, in seconds since 1970, or the error.
#[track_caller]
fn check_time(keys: &str, value: &str, expect: Result<i64, &str>) {
    let keys = format!("[time]\npath = \"at\"\n{keys}");
    let record = format!(r#"{{"c":1,"at":{value}}}"#);
    let found = read(&keys, &record).map(|event| i64::from(event.seconds) + 946_684_800);
    assert_eq!(found, expect.map_err(str::to_owned), "{keys}: {record}");
}

#[test]
fn times() {
    let at = Ok(1_546_301_153);
    let parts = "unit = \"parts\"\nutc_offset = \"+00:00\"";
    let hours = "step = \"1h\"\nstart = \"2019-01-01T00:00:00Z\"";
    for (keys, value, expect) in [
        ("unit = \"seconds\"", "1546301153", at),
        ("unit = \"seconds\"", "1546301153.987", at),
        ("unit = \"seconds\"", "1.546301153E9", at),
        ("unit = \"seconds\"", r#""1546301153""#, at),
        ("", "1546301153123", at),
        ("unit = \"microseconds\"", "1546301153123456", at),
        ("unit = \"nanoseconds\"", "1546301153123456789", at),
        ("", r#""2019-01-01 00:05:53 UTC""#, at),
        ("", r#""2019-01-01T01:05:53+0100""#, at),
        ("", r#""2019-01-01T01:05:53.5+01""#, at),
        ("", r#""2019-01-01 00:05:53""#, Err("bad_time at")),
        ("utc_offset = \"+00:00\"", r#""2019-01-01 00:05:53""#, at),
        ("utc_offset = \"+01:00\"", r#""2019-01-01 01:05:53""#, at),
        ("utc_offset = \"-05:00\"", r#""2018-12-31\u002019:05:53""#, at),
        ("utc_offset = \"+01:00\"", r#""2019-01-01T00:05:53Z""#, at),
        (parts, "[2019,1,1,0,5,53,123000000]", at),
        (parts, "[2019, 1, 1, 0, 5, 53]", at),
        (parts, "[2019,1,1,0,5]", Ok(1_546_301_100)),
        (parts, r#""2019-01-01T00:05:53Z""#, at),
        (parts, "[2019,1]", Err("bad_time at")),
        (parts, "[2019,13,1,0,0]", Err("bad_time at")),
        (parts, "[2019,1,1.5,0,0]", Err("bad_time at")),
        (parts, "[2019,1,1,0,0,0,0,0]", Err("bad_time at")),
        (parts, "[[2019,1,1,0,5,53]]", Err("bad_time at")),
        (parts, r#"[2019,"1",1,0,5]"#, Err("bad_time at")),
        (parts, "1546301153000", Err("bad_time at")),
        (parts, "{}", Err("wrong_type at")),
        ("", "[2019,1,1,0,5,53]", Err("wrong_type at")),
        (hours, "1", Ok(1_546_304_400)),
        (hours, "743", Ok(1_548_975_600)),
        (hours, "1.0", Ok(1_546_304_400)),
        (hours, r#""1""#, Ok(1_546_304_400)),
        (hours, "99999999999999", Err("bad_time at")),
        ("unit = \"seconds\"", "1546301153123456", Err("bad_time at")),
    ] {
        check_time(keys, value, expect);
    }
}

#[test]
fn ids_that_are_whole_floats() {
    let id = |value: &str| read("", &format!(r#"{{"c":{value}}}"#)).map(|event| event.ids[0]);
    let keys = "[time]\npath = \"t\"\nunit = \"seconds\"";
    let id = |value: &str| {
        assert!(id(value).is_err(), "there is no time");
        read(keys, &format!(r#"{{"c":{value},"t":1546301153}}"#)).map(|event| event.ids[0])
    };
    for (float, id_of) in
        [("596.0", r#""596""#), ("596.0", "596"), ("1e3", "1000"), ("1E3", r#""1000""#)]
    {
        assert_eq!(id(float), id(id_of), "{float}");
    }
    assert_ne!(id("596.0"), id("597.0"));
    for refused in ["596.5", "9007199254740994.0", "1e16", "true"] {
        assert_eq!(id(refused), Err("wrong_type c".to_owned()), "{refused}");
    }
}

#[test]
fn a_byte_order_mark() {
    let keys = "[time]\npath = \"t\"\nunit = \"seconds\"";
    let record = r#"{"c":1,"t":1546301153}"#;
    let marked = format!("\u{feff}{record}");
    assert_eq!(read(keys, &marked), read(keys, record));
}

#[test]
fn values_in_arrays() {
    let keys = "[time]\npath = \"times[1].at\"\nunit = \"seconds\"\n\
                [[entity]]\nname = \"c\"\npath = \"charges[0].card[2]\"\n\
                [[number]]\nname = \"n\"\npath = [\"charges\", 1, \"net.0\"]\n\
                [[number]]\nname = \"m\"\npath = \"charges[3].m\"\noptional = true\n";
    let numbers = |record: &str| read(keys, record).map(|event| format!("{:?}", event.numbers));
    let times = r#""times":[0,{"at":1546301153}]"#;
    let card = r#"{"card":[0,[],7,{}],"net.0":1}"#;
    let net = r#"{"net.0":2.5,"m":3}"#;
    for (record, expect) in [
        (format!(r#"{{{times},"charges":[{card},{net}]}}"#), Ok("[2.5, NaN]")),
        (format!(r#"{{{times},"charges":[{card},{net},{net},{net},{net}]}}"#), Ok("[2.5, 3.0]")),
        (format!(r#"{{"charges":[{card},{net},null,{{}}],{times}}}"#), Ok("[2.5, NaN]")),
        (
            format!(r#"{{{times},"charges":[{net},{card}]}}"#),
            Err("missing_field charges[0].card[2]"),
        ),
        (format!(r#"{{{times},"charges":[{card}]}}"#), Err("missing_field charges[1].net.0")),
        (format!(r#"{{{times},"charges":[]}}"#), Err("missing_field charges[0].card[2]")),
        (format!(r#"{{{times},"charges":null}}"#), Err("missing_field charges[0].card[2]")),
        (
            format!(r#"{{{times},"charges":{{"0":{card}}}}}"#),
            Err("missing_field charges[0].card[2]"),
        ),
        (
            format!(r#"{{{times},"charges":[{card},{net}],"charges":[]}}"#),
            Err("duplicate_field charges"),
        ),
        (format!(r#"{{{times},"charges":[{card},[{net}]]}}"#), Err("wrong_type charges[1]")),
        (
            format!(r#"{{"charges":[{card},{net}],"times":[{{"at":1}}]}}"#),
            Err("bad_time times[1].at"),
        ),
    ] {
        let expect = expect.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(numbers(&record), expect, "{record}");
    }
}

/// As a public data set has them: 434 columns, most of them numbers, many of them null.
#[test]
fn four_hundred_fields() {
    let keys: String = (0..430)
        .map(|at| format!("[[number]]\nname = \"V{at}\"\npath = \"V{at}\"\noptional = true\n"))
        .collect();
    let keys = format!("[time]\npath = \"t\"\nunit = \"seconds\"\n{keys}");
    let value = |at: usize| if at % 7 == 3 { "null".to_owned() } else { format!("{at}.5") };
    // In the spec's order, the other way round, and one without most of them.
    let all: Vec<String> = (0..430).map(|at| format!(r#""V{at}":{}"#, value(at))).collect();
    let reversed: Vec<String> = all.iter().rev().cloned().collect();
    for members in [&all, &reversed] {
        let record = format!(r#"{{"c":1,"t":1546301153,{}}}"#, members.join(","));
        let event = read(&keys, &record).expect("a good record");
        for (at, number) in event.numbers.iter().enumerate() {
            let expect = value(at).parse().ok();
            assert_eq!(Some(*number).filter(|number| !number.is_nan()), expect, "V{at}");
        }
    }
    let twice = format!(r#"{{"c":1,"t":1546301153,{},"V429":1}}"#, all.join(","));
    assert_eq!(read(&keys, &twice), Err("duplicate_field V429".to_owned()));
}
