//! A reader that has read much reads each record as a fresh one does.

use super::*;
use proptest::prelude::*;

const SPEC: &str = r#"
    version = 1
    [time]
    path = "at.time"
    [[entity]]
    name = "customer"
    path = "customer_id"
    [[entity]]
    name = "terminal"
    path = "at.terminal_identifier_of_the_acquirer"
    reported = 100
    [[number]]
    name = "amount"
    path = "amount"
    [reports]
    path = "reports"
    id = "id"
    time = "reported_at"
    [[feature]]
    name = "amount"
    kind = "number"
    of = "amount"
"#;

/// Specs of everything that the first one does not have.
const OTHERS: [&str; 3] = [
    include_str!("../../../tests/specs/forms.toml"),
    include_str!("../../../tests/specs/types.toml"),
    include_str!("../../../tests/specs/steps.toml"),
];

fn member() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "customer_id",
        "amount",
        "at",
        "time",
        "reports",
        "id",
        "fraud",
        "x",
        "é",
        "",
        "amoun\\u0074",
        "terminal_identifier_of_the_acquirer",
        "customer_iD",
        "\\\"",
        "12345",
        "123456789012",
    ]);
    let colon = prop::sample::select(vec![":", ":", ":", " :", ": "]);
    let leaf = prop::sample::select(vec![
        "1",
        "57.16",
        "-1e9",
        "\"596\"",
        "\"5\\u00396\"",
        "null",
        "true",
        "[]",
        "{}",
        "\"é\"",
        "\"2018-04-01T00:00:31Z\"",
        "\"2018-04-01 00:00:31.5+01:00\"",
        "nul",
        "\"a long text, with a comma\"",
        "false",
        "[2018,4,1,0,0,31]",
        "\"1,234.50\"",
        "\"NaN\"",
        "[7,{\"amount\":true}]",
        "[7,{\"amount\":false},8]",
        "[[1,\"2\"],3]",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    let value = leaf.prop_recursive(2, 8, 4, move |inner| {
        let inner = ("(customer_id|amount|at|id|terminal_identifier_of_the_acquirer|x)", inner);
        let object = prop::collection::vec(inner, 0..4).prop_map(|members| {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        });
        prop_oneof![
            object.clone(),
            prop::collection::vec(object, 0..3).prop_map(|all| format!("[{}]", all.join(",")))
        ]
    });
    (name, colon, value).prop_map(|(name, colon, value)| format!("\"{name}\"{colon}{value}"))
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    let good = r#""x":"596","customer_id":1,"at":{"time":"2018-04-01T00:00:31Z","terminal_identifier_of_the_acquirer":2,"id":"usd"},"amount":3"#;
    let comma = prop::sample::select(vec![",", ",", ", ", ""]);
    let edit = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    let report = r#"{"id":1,"reported_at":"2018-04-01T00:00:31Z","at":{"terminal_identifier_of_the_acquirer":2},"amount":3}"#;
    (0..5_usize, prop::collection::vec(member(), 0..5), comma, edit).prop_map(
        move |(good_ones, mut members, comma, edit)| {
            match good_ones {
                0 => {}
                1 | 2 => members.insert(members.len() / 2, good.to_owned()),
                more => {
                    // One report, or two.
                    let reports = vec![report; more - 2].join(",");
                    members.truncate(1);
                    members.push(format!("\"reports\":[{reports}]"));
                }
            }
            let mut record = format!("{{{}}}", members.join(comma)).into_bytes();
            if let Some((at, byte)) = edit {
                let at = at.index(record.len());
                record[at] = byte;
            }
            record
        },
    )
}

/// Bytes to write into a record, so that it looks almost as it did.
type Like = Vec<(prop::sample::Index, u8)>;

fn like() -> impl Strategy<Value = Like> {
    let byte = prop_oneof![
        2 => prop::sample::select(b"0123456789".to_vec()),
        1 => prop::sample::select(b"{}[]\",:\\ .-eE\xc3".to_vec()),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), byte), 1..3)
}

fn edit(record: &[u8], like: Like) -> Vec<u8> {
    let mut record = record.to_vec();
    for (at, byte) in like {
        let at = at.index(record.len());
        record[at] = byte;
    }
    record
}

/// Reads a record as text, its reports included.
fn read(reader: &mut Reader, record: &[u8]) -> Vec<String> {
    let read = reader.read(record, -1);
    let mut found = vec![format!("{read:?}")];
    if let Ok(Record::Reports(reports)) = read {
        reports.for_each(|report| found.push(format!("{report:?}")));
    }
    found
}

proptest! {
    #![proptest_config(crate::cases(2000))]

    #[test]
    fn a_record_is_read_by_itself(
        records in prop::collection::vec((record(), like(), like()), 1..12),
    ) {
        let alike = |(record, one, other): (Vec<u8>, Like, Like)| {
            [edit(&record, one), edit(&record, other), record.clone(), record]
        };
        let records: Vec<Vec<u8>> = records.into_iter().flat_map(alike).collect();
        for spec in [SPEC].into_iter().chain(OTHERS) {
            let program = fraud_plan::compile::spec::parse(spec, "SPEC").expect("a valid spec");
            let mut reader = Reader::new(&program);
            for record in &records {
                let mut fresh = Reader::new(&program);
                let text = String::from_utf8_lossy(record).into_owned();
                prop_assert_eq!(read(&mut reader, record), read(&mut fresh, record), "{}", text);
            }
        }
    }
}
