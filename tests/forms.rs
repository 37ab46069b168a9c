//! Records as other systems write them: each with the spec that reads it, and what is read. The reader is
//! the module's own, run natively.

mod oracle;

use fraud_detector::record::{Event, Reader, Record};
use proptest::prelude::*;

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
            Ok(Record::Transaction { event, end, .. }) => {
                assert_eq!(record.as_bytes()[end], b'}', "{record}");
                Ok(event.clone())
            }
            Ok(Record::Reports(_) | Record::Passed) => Err("reports".to_owned()),
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
        (parts, "[2019,null,1,1]", Err("bad_time at")),
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

/// Checks the first number of a record with these members, read by a spec of a number at `amount`.
#[track_caller]
fn check_number(keys: &str, members: &str, expect: Result<f32, &str>) {
    let keys = format!(
        "[time]\npath = \"t\"\nunit = \"seconds\"\n\
         [[number]]\nname = \"amount\"\npath = \"amount\"\n{keys}"
    );
    let record = format!(r#"{{"c":1,"t":1546301153,{members}}}"#);
    // NaN is written, for it is not equal to itself.
    let found = read(&keys, &record).map(|event| event.numbers[0].to_string());
    assert_eq!(found, expect.map(|x| x.to_string()).map_err(str::to_owned), "{keys}: {record}");
}

#[test]
fn numbers() {
    let text = "form = \"text\"";
    let grouped = "form = \"text\"\ngrouping = \",\"";
    let implied = "form = \"text\"\ndecimals = 2";
    let base64 = "form = \"base64\"\ndecimals = 2";
    let boolean = "form = \"boolean\"";
    let optional = "form = \"text\"\noptional = true";
    let wrong = Err("wrong_type amount");
    for (keys, value, expect) in [
        (text, r#""221.14""#, Ok(221.14)),
        (text, r#""22\u0031.14""#, Ok(221.14)),
        (text, "221.14", Ok(221.14)),
        (text, r#""1,234.50""#, wrong),
        (text, r#""""#, Err("missing_field amount")),
        (text, "null", Err("missing_field amount")),
        (text, "true", wrong),
        (text, "[]", wrong),
        (text, r#""NaN""#, Err("not_a_number amount")),
        (text, r#""1e99""#, Err("not_finite amount")),
        ("", r#""221.14""#, wrong),
        ("", r#""Infinity""#, Err("not_a_number amount")),
        ("", "true", wrong),
        (optional, r#""""#, Ok(f32::NAN)),
        (optional, "null", Ok(f32::NAN)),
        (optional, r#""x""#, wrong),
        (grouped, r#""1,234.50""#, Ok(1234.5)),
        ("form = \"text\"\npoint = \",\"\ngrouping = \".\"", r#""1.234,50""#, Ok(1234.5)),
        (implied, r#""000000001050""#, Ok(10.5)),
        (implied, "1050", Ok(10.5)),
        (implied, r#""10.50""#, wrong),
        ("decimals = 2", "2997", Ok(29.97)),
        ("decimals = 0", "2997", Ok(2997.0)),
        ("decimals = 2", "29.97", wrong),
        (base64, r#""B54=""#, Ok(19.5)),
        (base64, "1950", wrong),
        (boolean, "true", Ok(1.0)),
        (boolean, "false", Ok(0.0)),
        (boolean, "1", Ok(1.0)),
        (boolean, r#""yes""#, wrong),
    ] {
        check_number(keys, &format!(r#""amount":{value}"#), expect);
    }
}

#[test]
fn amounts_in_minor_units() {
    let keys = "currency = \"money.currency\"";
    for (members, expect) in [
        (r#""amount":2997,"money":{"currency":"usd"}"#, Ok(29.97)),
        (r#""money":{"currency":"USD"},"amount":2997"#, Ok(29.97)),
        (r#""amount":2997,"money":{"currency":"JPY"}"#, Ok(2997.0)),
        (r#""amount":2997,"money":{"currency":"KWD"}"#, Ok(2.997)),
        (r#""amount":5000000001,"money":{"currency":"idr"}"#, Ok(50_000_000.01)),
        (r#""amount":2997.0,"money":{"currency":"eur"}"#, Ok(29.97)),
        (r#""amount":29.97,"money":{"currency":"eur"}"#, Err("wrong_type amount")),
        (r#""amount":2997,"money":{"currency":"XXL"}"#, Err("wrong_type money.currency")),
        (r#""amount":2997,"money":{"currency":840}"#, Err("wrong_type money.currency")),
        (r#""amount":2997,"money":{"currency":null}"#, Err("missing_field money.currency")),
        (r#""amount":2997,"money":null"#, Err("missing_field money.currency")),
        (r#""amount":2997"#, Err("missing_field money.currency")),
        (r#""money":{"currency":"usd"}"#, Err("missing_field amount")),
        (r#""money":{"currency":"usd"},"amount":null"#, Err("missing_field amount")),
    ] {
        check_number(keys, members, expect);
    }
    let optional = "currency = \"currency\"\noptional = true";
    check_number(optional, r#""x":1"#, Ok(f32::NAN));
    let text = "form = \"text\"\ncurrency = \"currency\"";
    check_number(text, r#""amount":"2997","currency":"usd""#, Ok(29.97));
}

/// One reader, of records whose currencies differ: nothing of one is left for the next.
#[test]
fn currencies_are_of_one_record() {
    let spec = "version = 1\n[[entity]]\nname = \"c\"\npath = \"c\"\n\
                [[number]]\nname = \"a\"\npath = \"a\"\ncurrency = \"in\"\noptional = true\n\
                [[number]]\nname = \"b\"\npath = \"b\"\ncurrency = \"in\"\noptional = true\n\
                [reports]\npath = \"r\"\nid = \"id\"\ntime = \"t\"\n\
                [[feature]]\nname = \"x\"\nkind = \"reports\"\nentity = \"c\"\nstat = \"mean\"\n\
                of = \"a\"\n";
    let program = fraud_plan::compile::spec::parse(spec, "spec").expect("a valid spec");
    let mut reader = Reader::new(&program);
    let mut check = |record: &str, expect: &str| {
        let found = match reader.read(record.as_bytes(), 1_546_301_153_000) {
            Ok(Record::Transaction { event, .. }) => format!("{:?}", event.numbers),
            Ok(Record::Reports(reports)) => {
                let mut found = String::new();
                reports.for_each(|report| found += &format!("{:?}", report.numbers));
                found
            }
            Ok(Record::Passed) => "passed".to_owned(),
            Err(refusal) => refusal.reason.code().to_owned(),
        };
        assert_eq!(found, expect, "{record}");
    };
    for _ in 0..3 {
        check(r#"{"c":1,"a":500,"b":70,"in":"usd"}"#, "[5.0, 0.7]");
        check(r#"{"c":1,"a":500,"b":70,"in":"jpy"}"#, "[500.0, 70.0]");
        check(r#"{"c":1,"a":500,"b":70,"in":"xxx"}"#, "wrong_type");
        check(r#"{"c":1,"a":500,"b":null,"in":"kwd"}"#, "[0.5, NaN]");
        check(r#"{"c":1,"b":70}"#, "missing_field");
        check(r#"{"c":1}"#, "[NaN, NaN]");
        check(
            r#"{"r":[{"c":1,"id":1,"t":1546301153000,"a":5,"in":"jpy"},{"c":1,"id":1,"t":1546301153000,"in":"usd","a":5}]}"#,
            "[5.0, NaN][0.05, NaN]",
        );
        check(r#"{"r":[{"c":1,"id":1,"t":1546301153000,"a":5}]}"#, "bad_report");
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

/// Checks the entity's id and the numbers of a whole record of somebody else's.
#[track_caller]
fn check_record(keys: &str, record: &str, seconds: i64, numbers: &[f32]) {
    let event = read(keys, record).unwrap_or_else(|error| panic!("{error}: {record}"));
    assert_eq!(i64::from(event.seconds) + 946_684_800, seconds, "{record}");
    assert_eq!(event.numbers, numbers, "{record}");
}

#[test]
fn whole_records_of_others() {
    // Change data capture: microseconds, the row inside an envelope.
    check_record(
        "[time]\npath = \"payload.after.created_at\"\nunit = \"microseconds\"\n\
         [[entity]]\nname = \"card\"\npath = \"payload.after.card_id\"\n\
         [[number]]\nname = \"amount\"\npath = \"payload.after.amount\"\n",
        r#"{"schema": {"type": "struct", "fields": []}, "payload": {"before": null, "after": {"id": 1000, "card_id": 7, "amount": 19.5, "created_at": 1714000000000000}, "op": "c", "ts_ms": 1714000000142}}"#,
        1_714_000_000,
        &[19.5],
    );
    // A nested event, its amount in minor units.
    check_record(
        "[time]\npath = \"data.object.created\"\nunit = \"seconds\"\n\
         [[entity]]\nname = \"customer\"\npath = \"data.object.customer\"\n\
         [[number]]\nname = \"amount\"\npath = \"data.object.amount\"\ncurrency = \"data.object.currency\"\n\
         [[number]]\nname = \"live\"\npath = \"livemode\"\nform = \"boolean\"\n",
        r#"{"id": "evt_005", "livemode": true, "data": {"object": {"id": "ch_003", "amount": 5000000001, "currency": "idr", "customer": "cus_A", "created": 1764030120}}}"#,
        1_764_030_120,
        &[50_000_000.01, 1.0],
    );
    // A flat one with a local time.
    check_record(
        "[time]\npath = \"trans_date_trans_time\"\nutc_offset = \"-05:00\"\n\
         [[entity]]\nname = \"card\"\npath = \"cc_num\"\n\
         [[number]]\nname = \"amount\"\npath = \"amt\"\n",
        r#"{"trans_date_trans_time": "2019-01-01 00:05:53", "cc_num": 302944714227399260, "amt": 1, "is_fraud": 0}"#,
        1_546_319_153,
        &[1.0],
    );
    // Steps of an hour.
    check_record(
        "[time]\npath = \"step\"\nstep = \"1h\"\nstart = \"2019-01-01T00:00:00Z\"\n\
         [[entity]]\nname = \"account\"\npath = \"nameOrig\"\n\
         [[number]]\nname = \"amount\"\npath = \"amount\"\n",
        r#"{"step": 2, "type": "PAYMENT", "amount": 118532.26, "nameOrig": "C5", "newbalanceOrig": 0.0}"#,
        1_546_308_000,
        &[118_532.26],
    );
}

/// A record of members that the specs of [`oracle::SPECS`] name, with values of the forms that they ask for, and
/// of some that they do not.
fn any_record() -> impl Strategy<Value = String> {
    let values = |name: &'static str, values: &'static [&'static str]| {
        (Just(name), prop::sample::select(values))
    };
    const IDS: &[&str] = &[
        "596",
        "596.0",
        "\"596\"",
        "\"5\\u00396\"",
        "5.96e2",
        "\"\"",
        "null",
        "596.5",
        "true",
        "-0",
        "{}",
    ];
    const NUMBERS: &[&str] = &[
        "57.16",
        "\"57.16\"",
        "5716",
        "\"5716\"",
        "\"1,234.50\"",
        "\"1.234,50\"",
        "\" -7 \"",
        "\"B54=\"",
        "\"/w==\"",
        "true",
        "\"FALSE\"",
        "\"tru\\u0065\"",
        "1",
        "0.0",
        "null",
        "\"\"",
        "\"NaN\"",
        "\"N\\u0061N\"",
        "1e39",
        "\"1e39\"",
        "-0",
        "1e-400",
        "29.97",
        "2997.0",
        "9007199254740993",
        "[]",
        "\"x\"",
        "16777217",
        "5e-1",
    ];
    const TIMES: &[&str] = &[
        "\"2018-04-01T00:00:31Z\"",
        "\"2018-04-01 02:00:31.5+02:00\"",
        "\"2018-04-01 00:00:31\"",
        "1522540831",
        "\"1522540831.25\"",
        "1.522540831e9",
        "743",
        "\"2.5\"",
        "[2018,4,1,0,0,31]",
        "[2018,4,1]",
        "[2018,null,4,1]",
        "[2018,\"4\",1]",
        "[2018,13,1]",
        "[[2018,4,1]]",
        "[]",
        "null",
        "{}",
        "\"2018-02-30T00:00:00Z\"",
        "\"2018-04-01T00:00:3\\u0031Z\"",
    ];
    const CODES: &[&str] =
        &["\"usd\"", "\"JPY\"", "\"KWD\"", "\"us\\u0064\"", "\"XXL\"", "840", "null"];
    const KINDS: &[&str] =
        &["\"grocery\"", "5411", "\"\\u00e9\"", "\"other\"", "null", "5411.0", "true", "\"\""];
    const TYPES: &[&str] = &[
        "\"a long text, with a comma\"",
        "596",
        "1",
        "true",
        "\"é\"",
        "\"x\"",
        "null",
        "[7,{\"amount\":true}]",
        "[{\"customer_id\":7,\"amount\":5.5},{\"amount\":\"0\"},9]",
        "[{\"customer_id\":\"7\",\"amount\":-0.5}]",
        "[]",
        "[[]]",
        "[null,{}]",
    ];
    let at = (
        prop::sample::select(TIMES),
        prop::sample::select(IDS),
        prop::sample::select(CODES),
        0..12,
    )
        .prop_map(|(time, terminal, code, without)| {
            let members =
                [("time", time), ("terminal_identifier_of_the_acquirer", terminal), ("id", code)];
            let kept = members.iter().zip(0..).filter(|(_, at)| *at != without);
            let kept: Vec<_> =
                kept.map(|((name, value), _)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", kept.join(","))
        });
    let report = (prop::sample::select(IDS), prop::sample::select(TIMES), prop::sample::select(IDS), prop::sample::select(NUMBERS), at.clone())
        .prop_map(|(id, time, customer, amount, at)| {
            format!("{{\"id\":{id},\"reported_at\":{time},\"customer_id\":{customer},\"terminal_id\":{customer},\"amount\":{amount},\"at\":{at}}}")
        });
    let reports = prop_oneof![
        3 => prop::collection::vec(report.clone(), 0..3).prop_map(|all| format!("[{}]", all.join(","))),
        1 => report,
        1 => prop::sample::select(vec!["null".to_owned(), "7".into(), "[7]".into(), "{}".into()]),
    ];
    let member = prop_oneof![
        4 => values("customer_id", IDS),
        2 => values("terminal_id", IDS),
        2 => values("id", IDS),
        4 => values("amount", NUMBERS),
        2 => values("minor", NUMBERS),
        1 => values("pointed", NUMBERS),
        1 => values("implied", NUMBERS),
        1 => values("whole", NUMBERS),
        1 => values("base64", NUMBERS),
        1 => values("plain", NUMBERS),
        2 => values("currency", CODES),
        2 => values("kind", KINDS),
        3 => values("x", TYPES),
        1 => values("12345", &["[[1,\"2\"],3]", "[[0,\"1,234\"]]", "7", "\"r\"", "[1]"]),
        1 => values("steps", &["[0,743]", "[0,\"1.5\",2]", "[1]", "7", "[0,null]", "null"]),
        2 => values("timestamp", TIMES),
        1 => values("fraud", &["1", "{}"]),
        1 => values("other", &["{\"amount\":1}", "[{}]"]),
    ]
    .prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let at = at.prop_map(|at| format!("\"at\":{at}"));
    let fraud_reports = reports.clone().prop_map(|all| format!("\"fraud_reports\":{all}"));
    let reports = reports.prop_map(|all| format!("\"reports\":{all}"));
    let some = |member: BoxedStrategy<String>, share: f64| prop::option::weighted(share, member);
    (
        prop::collection::vec(member, 0..10),
        some(at.boxed(), 0.8),
        some(reports.boxed(), 0.2),
        some(fraud_reports.boxed(), 0.1),
        0..50_u8,
    )
        .prop_map(|(members, at, reports, fraud_reports, twice)| {
            let mut all: Vec<String> = Vec::new();
            let name = |member: &str| member.split(':').next().map(str::to_owned);
            for member in members {
                // Rarely a member comes twice.
                if twice == 0 || all.iter().all(|known| name(known) != name(&member)) {
                    all.push(member);
                }
            }
            for (place, member) in [at, reports, fraud_reports].into_iter().flatten().enumerate() {
                all.insert(all.len() * place / 3, member);
            }
            format!("{{{}}}", all.join(","))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The module's reader and a second one that thinks of nothing but the rules.
    #[test]
    fn two_readers_agree(
        records in prop::collection::vec(any_record(), 8),
        broker in prop::sample::select(vec![-1, 1_522_627_200_000, 1_522_540_800_000, 4_102_444_800_000]),
    ) {
        for spec in oracle::SPECS {
            let program = fraud_plan::compile::spec::parse(spec, "spec").expect("a valid spec");
            let mut reader = Reader::new(&program);
            for record in records.iter().chain(&records) {
                let found = oracle::read(&mut reader, &program, record.as_bytes(), broker);
                oracle::check(&found, &program, record.as_bytes(), broker);
            }
        }
    }
}
