use super::parse;
use crate::program::{
    Cell, Events, Program, Role, Source, Stat, TimeForm, TimePart, TimeUnit, Value,
};

const HEAD: &str = r#"version = 1
[[entity]]
name = "customer"
path = "customer_id"
[[entity]]
name = "terminal"
path = "terminal.id"
[[number]]
name = "amount"
path = "amount"
"#;

/// What a spec that consists of `HEAD` and `rest` comes to. The rest starts on line 11.
fn with_head(rest: &str) -> Result<Program, String> {
    parse(&format!("{HEAD}{rest}"), "fraud.toml").map_err(|error| error.to_string())
}

fn check(rest: &str, error: &str) {
    assert_eq!(with_head(rest), Err(error.into()), "{rest}");
}

/// A spec of one feature, whose keys start on line 13.
fn check_feature(keys: &str, error: &str) {
    check(&format!("[[feature]]\nname = \"x\"\n{keys}\n"), error);
}

fn check_whole(spec: &str, error: &str) {
    assert_eq!(parse(spec, "s").map_err(|error| error.to_string()), Err(error.into()), "{spec}");
}

#[test]
fn everything_at_once() {
    let program = parse(
        r#"
version = 1
verdict = "score"
[time]
path = "at"
unit = "seconds"
[[entity]]
name = "customer"
path = "customer.id"
expected = 30000
[[entity]]
name = "terminal"
path = ["terminal.id"]
scope = "instance"
[[number]]
name = "amount"
path = "amount"
[[number]]
name = "tip"
path = "customer.tip"
optional = true
[[feature]]
name = "amount"
kind = "number"
of = "amount"
log1p = true
max = 5000
[[feature]]
name = "hour_sin"
kind = "time"
part = "hour"
form = "sin"
utc_offset = "-03:30"
[[feature]]
name = "count"
kind = "window"
entity = "customer"
stat = "count"
half_life = "7d"
[[feature]]
name = "mean"
kind = "window"
entity = "customer"
stat = "mean"
of = "amount"
half_life = "7d"
[[feature]]
name = "amount_to_mean"
kind = "window"
entity = "customer"
stat = "mean"
of = "amount"
clip = 2.5
prior = 50.0
ratio = true
[[feature]]
name = "peak"
kind = "window"
entity = "customer"
stat = "max"
of = "amount_to_mean"
half_life = "1.5h"
[[feature]]
name = "tips"
kind = "window"
entity = "terminal"
stat = "mean"
of = "tip"
half_life = "90s"
[[feature]]
name = "seen"
kind = "window"
entity = "terminal"
stat = "events"
cap = 20
[[feature]]
name = "idle"
kind = "window"
entity = "terminal"
stat = "since_last"
"#,
        "fraud.toml",
    )
    .unwrap();
    assert_eq!((program.verdict.as_str(), program.warm_after), ("score", 5));
    assert_eq!(program.time_unit, TimeUnit::Seconds);
    let fields: Vec<_> = (program.fields.iter())
        .map(|field| (field.name.as_str(), field.parent, field.role))
        .collect();
    let expected = [
        ("at", None, Role::Time),
        ("customer", None, Role::Object),
        ("id", Some(1), Role::Entity(0)),
        ("terminal.id", None, Role::Entity(1)),
        ("amount", None, Role::Number(0)),
        ("tip", Some(1), Role::Number(1)),
    ];
    assert_eq!(fields, expected);
    let (amount, tip) = (Value::Number(0), Value::Number(1));
    let customer = &program.tables[0];
    assert_eq!(customer.half_lives, [604_800.0, 5_400.0]);
    let cells = [
        Cell::Count { value: None, half_life: 0 },
        Cell::Sum { value: amount, half_life: 0 },
        Cell::Mean { value: amount, clip: 2.5, prior: Some(50.0) },
        Cell::Max { value: Value::Feature(4), half_life: 1 },
    ];
    assert_eq!(customer.cells, cells, "amount is never missing: one count serves both");
    let cells =
        [Cell::Sum { value: tip, half_life: 0 }, Cell::Count { value: Some(tip), half_life: 0 }];
    assert_eq!(program.tables[1].cells, cells);
    let sources: Vec<_> = program.features.iter().map(|feature| feature.source).collect();
    let window = |table, stat| Source::Remembered { table, stat };
    let (part, form) = (TimePart::Hour, TimeForm::Sin);
    let ratio = Stat::RunningMean { cell: 2 };
    let expected = [
        Source::Number { number: 0, min: f32::NEG_INFINITY, max: 5000.0, log1p: true },
        Source::Time { part, form, offset: -210 },
        window(0, Stat::Count { cell: 0 }),
        window(0, Stat::Mean { sum: 1, count: 0 }),
        Source::Ratio { value: amount, table: 0, stat: ratio },
        window(0, Stat::Max { cell: 3 }),
        window(1, Stat::Mean { sum: 0, count: 1 }),
        window(1, Stat::Events { cap: 20 }),
        window(1, Stat::SinceLast { unit: 1 }),
    ];
    assert_eq!(sources, expected);
    assert_eq!(program.fault(), None);
}

#[test]
fn reports() {
    let program = with_head(
        r#"[reports]
path = "fraud_reports"
id = "transaction_id"
time = "reported_at"
[[feature]]
name = "reports"
kind = "reports"
entity = "terminal"
stat = "count"
half_life = "14d"
[[feature]]
name = "streak"
kind = "reports"
entity = "terminal"
stat = "days_since_first"
[[feature]]
name = "last"
kind = "reports"
entity = "terminal"
stat = "days_since_last"
[[feature]]
name = "mean"
kind = "reports"
entity = "terminal"
stat = "mean"
of = "amount"
"#,
    )
    .unwrap();
    let fields: Vec<_> = (program.fields.iter().skip(4))
        .map(|field| (field.name.as_str(), field.parent, field.role))
        .collect();
    let expected = [
        ("fraud_reports", None, Role::Reports),
        ("transaction_id", Some(4), Role::ReportId),
        ("reported_at", Some(4), Role::ReportTime),
        ("terminal", Some(4), Role::Object),
        ("id", Some(7), Role::Entity(1)),
        ("amount", Some(4), Role::Number(0)),
    ];
    assert_eq!(fields, expected);
    assert_eq!((program.tables[1].entity, program.tables[1].events), (1, Events::Reports));
    let cells = [
        Cell::Count { value: None, half_life: 0 },
        Cell::Streak { gap: 1_209_600 },
        Cell::Mean { value: Value::Number(0), clip: f32::INFINITY, prior: None },
    ];
    assert_eq!(program.tables[1].cells, cells);
    assert_eq!(program.fault(), None);
    let feature = "kind = \"reports\"\nentity = \"terminal\"\nstat = \"days_since_last\"";
    check_feature(
        feature,
        "fraud.toml:11:1: feature \"x\": there is no [reports] to say where reports are",
    );
}

#[test]
fn errors_name_line_key_and_nearest_name() {
    check_feature(
        "kind = \"windw\"",
        r#"fraud.toml:13:8: feature "x": unknown `kind` "windw" (did you mean "window"?); known here: number, time, window, reports"#,
    );
    check_feature(
        "kind = \"number\"\nof = \"amuont\"",
        r#"fraud.toml:14:6: feature "x": unknown `of` "amuont" (did you mean "amount"?); known here: amount"#,
    );
    check_feature(
        "kind = \"number\"\nof = \"amount\"\nlog1 = true",
        r#"fraud.toml:15:1: feature "x": a feature of kind "number" has no key "log1" (did you mean "log1p"?); its keys: name, kind, of, log1p, min, max"#,
    );
    check_feature(
        "kind = \"window\"\nentity = \"customer\"\nstat = \"count\"\nhalf_lif = \"7d\"",
        r#"fraud.toml:11:1: feature "x": `half_life` is missing; "half_lif" is no key here"#,
    );
    check_feature(
        "kind = \"window\"\nentity = \"terminal\"\nstat = \"events\"",
        r#"fraud.toml:14:10: feature "x": entity "terminal" is not the partition key, so a window sees only what its own instance of the transform sees; say so with `scope = "instance"` in its [[entity]]"#,
    );
    check_feature(
        "kind = \"window\"\nentity = \"customer\"\nstat = \"max\"\nof = \"x\"\nhalf_life = \"7d\"",
        r#"fraud.toml:16:6: feature "x": unknown `of` "x"; known here: amount"#,
    );
    check("[[feature]\n", "fraud.toml:11:11: unclosed array table, expected `]`");
    check("[[feature]]\n", "fraud.toml:11:1: feature 1: `name` is missing");
    check("", "fraud.toml:1:1: there is no [[feature]]");
}

#[test]
fn values_out_of_range_name_the_limit() {
    let window = |keys: &str| format!("kind = \"window\"\nentity = \"customer\"\n{keys}");
    let half_life = "but it takes a number with its unit s, m, h or d, from \"1s\" to \"3650d\"";
    for text in ["0.5s", "3651d", "7", "7w", "d", "-1d", "infd", "1e5s", "é"] {
        check_feature(
            &window(&format!("stat = \"count\"\nhalf_life = \"{text}\"")),
            &format!(r#"fraud.toml:16:13: feature "x": `half_life` is "{text}", {half_life}"#),
        );
    }
    check_feature(
        &window("stat = \"mean\"\nof = \"amount\"\nclip = 1.0"),
        r#"fraud.toml:17:8: feature "x": `clip` is 1.0, but it takes a number above 1"#,
    );
    for cap in ["0", "65536", "2.5", "-1"] {
        check_feature(
            &window(&format!("stat = \"events\"\ncap = {cap}")),
            &format!(
                r#"fraud.toml:16:7: feature "x": `cap` is {cap}, but it takes a whole number from 1 to 65535"#
            ),
        );
    }
    check_feature(
        "kind = \"number\"\nof = \"amount\"\nmin = 2\nmax = 1",
        r#"fraud.toml:16:7: feature "x": `max` is 1, but it takes a number, at least `min` 2"#,
    );
    check_feature(
        "kind = \"number\"\nof = \"amount\"\nlog1p = true\nmin = -1",
        r#"fraud.toml:16:7: feature "x": `min` is -1, but it takes a number above -1, as log1p needs it"#,
    );
    for offset in ["1:00", "+14:01", "+01:60", "Z", "+0a:00"] {
        check_feature(
            &format!("kind = \"time\"\npart = \"hour\"\nutc_offset = \"{offset}\""),
            &format!(
                r#"fraud.toml:15:14: feature "x": `utc_offset` is "{offset}", but it takes "+HH:MM" or "-HH:MM", at most 14 hours"#
            ),
        );
    }
}

#[test]
fn keys_without_a_meaning_are_refused() {
    let window = |keys: &str| format!("kind = \"window\"\nentity = \"customer\"\n{keys}");
    check_feature(
        &window("stat = \"mean\"\nof = \"amount\"\nhalf_life = \"7d\"\nclip = 2"),
        r#"fraud.toml:18:1: feature "x": a mean with a half-life has no key "clip"; its keys: name, kind, entity, stat, half_life, of, ratio"#,
    );
    check_feature(
        &window("stat = \"count\"\nhalf_life = \"7d\"\nratio = true"),
        r#"fraud.toml:17:1: feature "x": a window of this `stat` has no key "ratio"; its keys: name, kind, entity, stat, half_life"#,
    );
    check_feature(
        "kind = \"time\"\npart = \"is_night\"\nform = \"sin\"",
        r#"fraud.toml:15:1: feature "x": this part of a time has no key "form"; its keys: name, kind, part, utc_offset"#,
    );
    check_whole(
        "version = 1\n[[entity]]\nname = \"a\"\npath = \"a\"\nscope = \"instance\"",
        r#"s:5:1: entity "a": the partition key has no key "scope"; its keys: name, path, expected, reported"#,
    );
}

#[test]
fn paths_and_names_do_not_collide() {
    let number = |path: &str| format!("[[number]]\nname = \"n\"\npath = {path}\n");
    check(
        &number("\"amount.net\""),
        r#"fraud.toml:13:8: number "n": `amount` is already number "amount""#,
    );
    check(
        &number("\"terminal\""),
        r#"fraud.toml:13:8: number "n": `terminal` is already an object that holds other fields"#,
    );
    check(
        &number("\"customer_id\""),
        r#"fraud.toml:13:8: number "n": `customer_id` is already entity "customer""#,
    );
    check(
        &number("\"a..b\""),
        r#"fraud.toml:13:8: number "n": `path` is "a..b", but it takes names with dots between them, or a list of names"#,
    );
    check(
        "[[number]]\nname = \"amount\"\npath = \"n\"\n",
        r#"fraud.toml:12:8: number "amount": line 9 has one of this name already"#,
    );
    check(
        "[[number]]\nname = \"fraud\"\npath = \"fraud\"\n[[feature]]\nname = \"f\"\nkind = \"number\"\nof = \"fraud\"\n",
        r#"fraud.toml:1:1: `verdict` is "fraud", but the record has a field of this name; the verdict needs one of its own"#,
    );
    let many: String =
        (0..62).map(|at| format!("[[number]]\nname = \"n{at}\"\npath = \"n{at}\"\n")).collect();
    check(
        &many,
        r#"fraud.toml:193:8: number "n60": more than 64 fields with the objects that hold them"#,
    );
}

#[test]
fn the_version_comes_first() {
    check_whole("", "s:1:1: `version` is missing");
    check_whole("verson = 1", "s:1:1: `version` is missing; \"verson\" is no key here");
    check_whole("version = 2", "s:1:1: `version` is not 1, the only one that this compiler reads");
    check_whole("version = 1", "s:1:1: there is no [[entity]]; the first one is the partition key");
    check_whole(
        "version = 1\nentity = 3",
        "s:2:10: `entity` is 3, but it takes tables, each under [[entity]]",
    );
}
