use super::parse;
use crate::program::{
    Cell, Events, Field, NumberForm, Passage, Program, Role, Scale, Source, Stat, Step, Time,
    TimeForm, TimePart, TimeUnit, Treatment, Value,
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

/// Parses a spec that consists of `HEAD` and `rest`, which starts on line 11.
fn with_head(rest: &str) -> Result<Program, String> {
    parse(&format!("{HEAD}{rest}"), "fraud.toml").map_err(|error| error.to_string())
}

#[track_caller]
pub(super) fn check(rest: &str, error: &str) {
    assert_eq!(with_head(rest), Err(error.into()), "{rest}");
}

/// Checks the error of a spec with one feature, whose keys start on line 13.
#[track_caller]
pub(super) fn check_feature(keys: &str, error: &str) {
    check(&format!("[[feature]]\nname = \"x\"\n{keys}\n"), error);
}

#[track_caller]
fn check_whole(spec: &str, error: &str) {
    assert_eq!(parse(spec, "s").map_err(|error| error.to_string()), Err(error.into()), "{spec}");
}

/// Parses a spec of some features, each given by its keys; they are named x0, x1 …
#[track_caller]
pub(super) fn with_features(head: &str, features: &[&str]) -> Program {
    let features: String = (features.iter().enumerate())
        .map(|(at, keys)| format!("[[feature]]\nname = \"x{at}\"\n{keys}\n"))
        .collect();
    let program = with_head(&format!("{head}{features}")).unwrap();
    assert_eq!(program.fault(), None, "{features}");
    program
}

pub(super) fn sources(program: &Program) -> Vec<Source> {
    program.features.iter().map(|feature| feature.source).collect()
}

/// Returns each field's name, parent and role.
fn fields(program: &Program) -> Vec<(&str, Option<u16>, Role)> {
    fn name(field: &Field) -> &str {
        match &field.step {
            Step::Name(name) => name,
            Step::Item(item) => ["[0]", "[1]"][usize::from(*item)],
        }
    }
    let fields = program.fields.iter();
    fields.map(|field| (name(field), field.parent, field.role)).collect()
}

pub(super) const AMOUNT: Value = Value::Number(0);
pub(super) const REPORTS: &str =
    "[reports]\npath = \"fraud_reports\"\nid = \"transaction_id\"\ntime = \"reported_at\"\n";
const HOUR: &str = "kind = \"time\"\npart = \"hour\"";

#[test]
fn what_is_left_out_has_a_default() {
    let program = with_features("", &[HOUR]);
    assert_eq!((program.verdict.as_str(), program.warm_after), ("fraud", 5));
    assert_eq!(program.time, Time::USUAL);
    let [customer] = &*program.tables else { panic!("{:?}", program.tables) };
    assert_eq!((customer.entity, customer.events, customer.expected), (0, Events::Transactions, 1));
}

#[test]
fn the_keys_of_a_spec_and_of_its_time() {
    let spec = "verdict = \"score\"\nwarm_after = 9\n\
                [time]\npath = \"at\"\nunit = \"seconds\"\n\
                [[entity]]\nname = \"c\"\npath = \"c\"\nexpected = 30000\n";
    let feature = format!("[[feature]]\nname = \"x\"\n{HOUR}\n");
    let program = parse(&format!("version = 1\n{spec}{feature}"), "s").unwrap();
    assert_eq!((program.verdict.as_str(), program.warm_after), ("score", 9));
    assert_eq!(program.time.unit, TimeUnit::Seconds);
    assert_eq!(program.tables[0].expected, 30_000);
    let expected = [("at", None, Role::Time), ("c", None, Role::Entity(0))];
    assert_eq!(fields(&program), expected);
}

/// Returns how times are written by a spec with these keys in its `[time]`, which start on line 3.
fn time_of(keys: &str) -> Result<Time, String> {
    let spec = format!(
        "version = 1\n[time]\n{keys}\npath = \"at\"\n[[entity]]\nname = \"c\"\npath = \"c\"\n\
         [[feature]]\nname = \"x\"\n{HOUR}\n"
    );
    let program = parse(&spec, "s").map_err(|error| error.to_string())?;
    assert_eq!(program.fault(), None, "{keys}");
    Ok(program.time)
}

#[test]
fn every_way_to_write_a_time() {
    let start = 1_546_300_800_000;
    let steps = |start, step| TimeUnit::Steps { start, step };
    for (keys, unit, utc_offset) in [
        ("", TimeUnit::Milliseconds, None),
        ("unit = \"microseconds\"", TimeUnit::Microseconds, None),
        ("unit = \"nanoseconds\"", TimeUnit::Nanoseconds, None),
        ("utc_offset = \"+01:00\"", TimeUnit::Milliseconds, Some(60)),
        ("unit = \"parts\"\nutc_offset = \"-03:30\"", TimeUnit::Parts, Some(-210)),
        ("step = \"1h\"\nstart = \"2019-01-01T00:00:00Z\"", steps(start, 3_600_000), None),
        ("step = \"0.5h\"\nstart = 2019-01-01", steps(start, 1_800_000), None),
        ("step = \"1d\"\nstart = 2019-01-01T01:00:00+01:00", steps(start, 86_400_000), None),
    ] {
        assert_eq!(time_of(keys), Ok(Time { unit, utc_offset }), "{keys}");
    }
}

#[test]
fn times_that_cannot_be_said() {
    for (keys, error) in [
        (
            "unit = \"second\"",
            r#"s:3:8: time: unknown `unit` "second" (did you mean "seconds"?); known here: milliseconds, seconds, microseconds, nanoseconds, parts"#,
        ),
        (
            "time_zone = \"Europe/Paris\"",
            "s:3:13: time: `time_zone` takes a database of the zones' daylight saving times, which the module has not; say `utc_offset` if the clock is never put forward, else write the records' times in UTC",
        ),
        (
            "unit = \"parts\"",
            r#"s:2:1: time: the parts of a time name no zone; say of which clock they are, such as `utc_offset = "+00:00"`"#,
        ),
        ("step = \"1h\"", "s:2:1: time: `start` is missing"),
        (
            "step = \"1h\"\nstart = \"monday\"",
            r#"s:4:9: time: `start` is "monday", but it takes a time such as "2019-01-01T00:00:00Z""#,
        ),
        (
            "step = \"1h\"\nstart = 2019-01-01\nunit = \"seconds\"",
            r#"s:5:1: time: [time] has no key "unit"; its keys: path, time_zone, utc_offset, step, start, max_ahead"#,
        ),
    ] {
        assert_eq!(time_of(keys), Err(error.to_owned()), "{keys}");
    }
}

#[test]
fn fields_share_the_objects_around_them() {
    let rest = "[[number]]\nname = \"tip\"\npath = \"terminal.tip\"\n\
                [[number]]\nname = \"dotted\"\npath = [\"a.b\"]\n";
    let expected = [
        ("customer_id", None, Role::Entity(0)),
        ("terminal", None, Role::Object),
        ("id", Some(1), Role::Entity(1)),
        ("amount", None, Role::Number(0)),
        ("tip", Some(1), Role::Number(1)),
        ("a.b", None, Role::Number(2)),
    ];
    assert_eq!(fields(&with_features(rest, &[HOUR])), expected);
}

#[test]
fn a_number() {
    let program = with_features(
        "",
        &[
            "kind = \"number\"\nof = \"amount\"",
            "kind = \"number\"\nof = \"amount\"\nlog1p = true\nmin = -0.5\nmax = 5000",
        ],
    );
    let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
    let expected = [
        Source::Number { number: 0, min: low, max: high, log1p: false },
        Source::Number { number: 0, min: -0.5, max: 5000.0, log1p: true },
    ];
    assert_eq!(sources(&program), expected);
}

#[test]
fn every_form_of_a_number() {
    let number = |keys: &str| format!("[[number]]\nname = \"n\"\npath = \"n\"\n{keys}\n");
    let text = |point, grouping| NumberForm::Text { point, grouping };
    for (keys, form, scale) in [
        ("", NumberForm::Number, Scale::One),
        ("decimals = 2", NumberForm::Number, Scale::Decimals(2)),
        ("form = \"text\"", text(b'.', None), Scale::One),
        ("form = \"text\"\ngrouping = \",\"", text(b'.', Some(b',')), Scale::One),
        ("form = \"text\"\npoint = \",\"\ngrouping = \".\"", text(b',', Some(b'.')), Scale::One),
        ("form = \"text\"\ndecimals = 2", text(b'.', None), Scale::Decimals(2)),
        ("form = \"boolean\"", NumberForm::Boolean, Scale::One),
        ("form = \"base64\"\ndecimals = 4", NumberForm::Base64, Scale::Decimals(4)),
        ("currency = \"currency\"", NumberForm::Number, Scale::Currency(0)),
    ] {
        let program = with_features(&number(keys), &[HOUR]);
        assert_eq!((program.numbers[1].form, program.numbers[1].scale), (form, scale), "{keys}");
    }
    for (keys, error) in [
        (
            "form = \"string\"",
            r#"fraud.toml:14:8: number "n": unknown `form` "string"; known here: number, text, boolean, base64"#,
        ),
        (
            "form = \"text\"\ngrouping = \".\"",
            r#"fraud.toml:11:1: number "n": `grouping` is the same mark as `point`, which is "." unless it is said"#,
        ),
        ("form = \"base64\"", r#"fraud.toml:11:1: number "n": `decimals` is missing"#),
        (
            "decimals = 19",
            r#"fraud.toml:14:12: number "n": `decimals` is 19, but it takes a whole number from 0 to 18"#,
        ),
        (
            "grouping = \",\"",
            r#"fraud.toml:14:1: number "n": a number has no key "grouping"; its keys: name, path, optional, form, currency, decimals"#,
        ),
        (
            "currency = \"amount\"",
            r#"fraud.toml:14:12: number "n": `amount` is already number "amount""#,
        ),
    ] {
        check(&number(keys), error);
    }
}

#[test]
fn one_text_may_be_an_entity_a_category_and_a_currency() {
    let shared = "[[entity]]\nname = \"money\"\npath = \"in\"\nscope = \"instance\"\n\
                  [[number]]\nname = \"n\"\npath = \"n\"\ncurrency = \"in\"\n\
                  [[category]]\nname = \"in\"\npath = \"in\"\n";
    let hashed = "kind = \"category\"\nof = \"in\"\nas = \"hashed\"\nbuckets = 64";
    let program = with_features(shared, &[hashed]);
    let at_in = fields(&program).into_iter().filter(|(step, ..)| *step == "in");
    let roles: Vec<_> = at_in.map(|(_, _, role)| role).collect();
    assert_eq!(roles, [Role::Entity(2), Role::Currency(0), Role::Category(0)]);
    check(
        &format!("{shared}[[category]]\nname = \"x\"\npath = \"in\"\n"),
        r#"fraud.toml:24:8: category "x": `in` is already category "in""#,
    );
}

#[test]
fn numbers_share_a_currency_and_reports_have_it_too() {
    let number = |name: &str| {
        format!("[[number]]\nname = \"{name}\"\npath = \"{name}\"\ncurrency = \"in\"\n")
    };
    let keys = "kind = \"reports\"\nentity = \"terminal\"\nstat = \"mean\"\nof = \"n\"";
    let program = with_features(&(number("n") + &number("m") + REPORTS), &[keys]);
    let fields = fields(&program);
    let expected = [("n", None, Role::Number(1)), ("in", None, Role::Currency(0))];
    assert_eq!(fields[4..6], expected);
    assert_eq!(fields[6], ("m", None, Role::Number(2)));
    assert_eq!(fields[fields.len() - 1], ("in", Some(7), Role::Currency(0)));
}

#[test]
fn a_time() {
    let program = with_features(
        "",
        &[
            "kind = \"time\"\npart = \"is_night\"",
            "kind = \"time\"\npart = \"hour\"\nform = \"sin\"\nutc_offset = \"-03:30\"",
        ],
    );
    let expected = [
        Source::Time { part: TimePart::IsNight, form: TimeForm::Value, offset: 0 },
        Source::Time { part: TimePart::Hour, form: TimeForm::Sin, offset: -210 },
    ];
    assert_eq!(sources(&program), expected);
}

/// The statistic of one window over the customer, and the cells that it needs.
#[track_caller]
fn check_window(keys: &str, expected: Stat, cells: &[Cell]) {
    let program =
        with_features("", &[&format!("kind = \"window\"\nentity = \"customer\"\n{keys}")]);
    let (Source::Remembered { table, stat } | Source::Ratio { table, stat, .. }) =
        program.features[0].source
    else {
        panic!("{:?}", program.features[0].source);
    };
    assert_eq!((table, stat), (0, expected), "{keys}");
    assert_eq!(program.tables[0].cells, cells, "{keys}");
}

#[test]
fn every_stat_of_a_window() {
    let (value, half_life) = (AMOUNT, 0);
    let count = Cell::Count { value: None, half_life };
    let sum = Cell::Sum { value, half_life };
    let running = |clip, prior| Cell::Mean { value, clip, prior };
    check_window("stat = \"count\"\nhalf_life = \"7d\"", Stat::Count { cell: 0 }, &[count]);
    check_window(
        "stat = \"sum\"\nof = \"amount\"\nhalf_life = \"7d\"",
        Stat::Sum { cell: 0 },
        &[sum],
    );
    check_window(
        "stat = \"mean\"\nof = \"amount\"\nhalf_life = \"7d\"",
        Stat::Mean { sum: 0, count: 1 },
        &[sum, count],
    );
    check_window(
        "stat = \"mean\"\nof = \"amount\"",
        Stat::RunningMean { cell: 0 },
        &[running(f32::INFINITY, None)],
    );
    check_window(
        "stat = \"mean\"\nof = \"amount\"\nclip = 2.5\nprior = 50.0\nratio = true",
        Stat::RunningMean { cell: 0 },
        &[running(2.5, Some(50.0))],
    );
    check_window(
        "stat = \"max\"\nof = \"amount\"\nhalf_life = \"7d\"",
        Stat::Max { cell: 0 },
        &[Cell::Max { value, half_life }],
    );
    check_window("stat = \"events\"", Stat::Events { cap: 65_535 }, &[]);
    check_window("stat = \"events\"\ncap = 20", Stat::Events { cap: 20 }, &[]);
    check_window("stat = \"since_last\"", Stat::SinceLast { unit: 1 }, &[]);
}

#[test]
fn a_ratio_is_the_value_to_its_statistic() {
    let keys = "kind = \"window\"\nentity = \"customer\"\nstat = \"max\"\nof = \"amount\"\n\
                half_life = \"7d\"\nratio = true";
    let stat = Stat::Max { cell: 0 };
    let expected = [Source::Ratio { value: AMOUNT, table: 0, stat }];
    assert_eq!(sources(&with_features("", &[keys])), expected);
}

#[test]
fn windows_share_cells_and_half_lives() {
    let of_customer = |keys: &str| format!("kind = \"window\"\nentity = \"customer\"\n{keys}");
    let program = with_features(
        "",
        &[
            &of_customer("stat = \"count\"\nhalf_life = \"7d\""),
            &of_customer("stat = \"mean\"\nof = \"amount\"\nhalf_life = \"168h\""),
            &of_customer("stat = \"max\"\nof = \"x1\"\nhalf_life = \"1.5h\""),
        ],
    );
    let [customer] = &*program.tables else { panic!("{:?}", program.tables) };
    assert_eq!(customer.half_lives, [604_800.0, 5_400.0]);
    let cells = [
        Cell::Count { value: None, half_life: 0 },
        Cell::Sum { value: AMOUNT, half_life: 0 },
        Cell::Max { value: Value::Feature(1), half_life: 1 },
    ];
    assert_eq!(customer.cells, cells, "amount is never missing: one count serves both");
}

#[test]
fn a_mean_of_an_optional_number_counts_its_own_events() {
    let number = "[[number]]\nname = \"tip\"\npath = \"tip\"\noptional = true\n";
    let keys = "kind = \"window\"\nentity = \"customer\"\nstat = \"mean\"\nof = \"tip\"\n\
                half_life = \"90s\"";
    let program = with_features(number, &[keys]);
    let (tip, half_life) = (Value::Number(1), 0);
    let cells = [Cell::Sum { value: tip, half_life }, Cell::Count { value: Some(tip), half_life }];
    assert_eq!(program.tables[0].cells, cells);
}

#[test]
fn a_window_over_another_entity_has_a_table_of_its_own() {
    let entity =
        "[[entity]]\nname = \"shop\"\npath = \"shop\"\nscope = \"instance\"\nexpected = 7\n";
    let keys = "kind = \"window\"\nentity = \"shop\"\nstat = \"since_last\"";
    let program = with_features(entity, &[keys]);
    let stat = Stat::SinceLast { unit: 1 };
    assert_eq!(sources(&program), [Source::Remembered { table: 1, stat }]);
    let shop = &program.tables[1];
    assert_eq!((shop.entity, shop.events, shop.expected), (2, Events::Transactions, 7));
}

#[test]
fn reports_have_fields_of_their_own() {
    let keys = "kind = \"reports\"\nentity = \"terminal\"\nstat = \"mean\"\nof = \"amount\"";
    let program = with_features(REPORTS, &[keys]);
    let expected = [
        ("fraud_reports", None, Role::Reports),
        ("transaction_id", Some(4), Role::ReportId),
        ("reported_at", Some(4), Role::ReportTime),
        ("terminal", Some(4), Role::Object),
        ("id", Some(7), Role::Entity(1)),
        ("amount", Some(4), Role::Number(0)),
    ];
    assert_eq!(fields(&program)[4..], expected);
}

#[test]
fn the_transactions_id_is_the_reports_too() {
    let id = "[transaction]\nid = \"payment.id\"\n";
    let reports = REPORTS.replace("id = \"transaction_id\"\n", "");
    let program = with_features(&format!("{id}{reports}"), &[HOUR]);
    let expected = [
        ("payment", None, Role::Object),
        ("id", Some(4), Role::Id),
        ("fraud_reports", None, Role::Reports),
        ("payment", Some(6), Role::Object),
        ("id", Some(7), Role::ReportId),
        ("reported_at", Some(6), Role::ReportTime),
    ];
    assert_eq!(fields(&program)[4..], expected);
    // A report may call it otherwise.
    let program = with_features(&format!("{id}{REPORTS}"), &[HOUR]);
    assert_eq!(fields(&program)[7], ("transaction_id", Some(6), Role::ReportId));
    check(&reports, "fraud.toml:11:1: reports: `id` is missing");
    check(
        "[transaction]\nid = \"terminal\"\n",
        "fraud.toml:12:6: transaction: `terminal` is already an object that holds other fields",
    );
    check(
        "[transaction]\nids = \"x\"\n",
        "fraud.toml:11:1: transaction: `id` is missing; \"ids\" is no key here",
    );
}

#[test]
fn every_stat_of_reports() {
    let of_terminal = |keys: &str| format!("kind = \"reports\"\nentity = \"terminal\"\n{keys}");
    let program = with_features(
        REPORTS,
        &[
            &of_terminal("stat = \"count\"\nhalf_life = \"14d\""),
            &of_terminal("stat = \"days_since_first\""),
            &of_terminal("stat = \"days_since_first\"\ngap = \"1d\""),
            &of_terminal("stat = \"days_since_last\""),
            &of_terminal("stat = \"mean\"\nof = \"amount\""),
            &of_terminal("stat = \"mean\"\nof = \"amount\"\nhalf_life = \"14d\""),
        ],
    );
    let unit = 86_400;
    let stats = [
        Stat::Count { cell: 0 },
        Stat::SinceFirst { cell: 1, unit },
        Stat::SinceFirst { cell: 2, unit },
        Stat::SinceLast { unit },
        Stat::RunningMean { cell: 3 },
        Stat::Mean { sum: 4, count: 0 },
    ];
    assert_eq!(sources(&program), stats.map(|stat| Source::Remembered { table: 1, stat }));
    let cells = [
        Cell::Count { value: None, half_life: 0 },
        Cell::Streak { gap: 1_209_600 },
        Cell::Streak { gap: 86_400 },
        Cell::Mean { value: AMOUNT, clip: f32::INFINITY, prior: None },
        Cell::Sum { value: AMOUNT, half_life: 0 },
    ];
    let terminal = &program.tables[1];
    assert_eq!((terminal.entity, terminal.events), (1, Events::Reports));
    assert_eq!(terminal.cells, cells);
}

#[test]
fn features_of_reports_need_to_know_where_reports_are() {
    check_feature(
        "kind = \"reports\"\nentity = \"terminal\"\nstat = \"days_since_last\"",
        "fraud.toml:11:1: feature \"x\": there is no [reports] to say where reports are",
    );
}

#[test]
fn errors_name_line_key_and_nearest_name() {
    check_feature(
        "kind = \"windw\"",
        r#"fraud.toml:13:8: feature "x": unknown `kind` "windw" (did you mean "window"?); known here: number, category, combine, distance, time, window, reports"#,
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
        r#"s:5:1: entity "a": the partition key has no key "scope"; its keys: name, path, optional, expected, reported"#,
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
    check(
        &number("\"amount[0]\""),
        r#"fraud.toml:13:8: number "n": `amount` is already number "amount""#,
    );
    check(
        &number("\"terminal[0]\""),
        r#"fraud.toml:13:8: number "n": `terminal` is already an object that holds other fields"#,
    );
    check(
        &number("\"$.amount\""),
        r#"fraud.toml:13:8: number "n": `path` is "$.amount", but here that is written "amount""#,
    );
}

#[test]
fn as_many_fields_as_a_wide_record_has() {
    let numbers = |count: usize| -> String {
        let keys = |at| format!("[[number]]\nname = \"n{at}\"\npath = \"n{at}\"\n");
        (0..count).map(keys).collect()
    };
    // With the four of the head and the object around one.
    let feature = format!("[[feature]]\nname = \"x\"\n{HOUR}\n");
    let program = with_head(&(numbers(1020) + &feature)).unwrap();
    assert_eq!((program.fields.len(), program.fault()), (1024, None));
    check(
        &(numbers(1021) + &feature),
        "fraud.toml:1:1: 1025 fields with the objects and arrays that hold them, and at most 1024",
    );
    let entities = |at| format!("[[entity]]\nname = \"e{at}\"\npath = \"e{at}\"\n");
    let entities: String = (0..64).map(entities).collect();
    check(&entities, "fraud.toml:197:1: entity 65: of 66 entities, and at most 64");
}

#[test]
fn items_of_arrays_are_fields() {
    let rest = "[[number]]\nname = \"net\"\npath = \"items[1].net\"\n\
                [[number]]\nname = \"tax\"\npath = [\"items\", 1, \"tax.local\"]\n";
    let program = with_features(rest, &[HOUR]);
    let expected = [
        ("items", None, Role::Array),
        ("[1]", Some(4), Role::Object),
        ("net", Some(5), Role::Number(1)),
        ("tax.local", Some(5), Role::Number(2)),
    ];
    assert_eq!(fields(&program)[4..], expected);
    assert_eq!(program.path(6), "items[1].net");
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

#[test]
fn entities_may_be_optional_or_made_of_others() {
    let entities = "[[entity]]\nname = \"device\"\npath = \"device\"\noptional = true\n\
                    [[entity]]\nname = \"pair\"\nof = [\"customer\", \"device\"]\n\
                    [[entity]]\nname = \"place\"\nof = [\"terminal\", \"device\"]\nscope = \"instance\"\n";
    let of = |entity: &str| format!("kind = \"window\"\nentity = \"{entity}\"\nstat = \"events\"");
    // A window over what the partition key is part of needs no scope.
    let program = with_features(entities, &[&of("pair"), &of("place")]);
    let found = program.entities.iter().map(|e| (e.name.as_str(), e.optional, e.of.as_slice()));
    let expected = [
        ("customer", false, &[][..]),
        ("terminal", false, &[]),
        ("device", true, &[]),
        ("pair", true, &[0, 2]),
        ("place", true, &[1, 2]),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let composite = |of: &str| format!("[[entity]]\nname = \"x\"\nof = {of}\n");
    check(
        &composite("[\"customer\", \"terminl\"]"),
        r#"fraud.toml:13:6: entity "x": unknown `of` "terminl" (did you mean "terminal"?); known here: customer, terminal"#,
    );
    check(
        &composite("[\"customer\"]"),
        r#"fraud.toml:13:6: entity "x": `of` takes the names of two entities or more"#,
    );
    check(
        &composite("[\"customer\", \"customer\"]"),
        r#"fraud.toml:13:6: entity "x": `of` has "customer" twice"#,
    );
}

#[test]
fn a_report_of_a_composite_has_all_parts() {
    let pair = "[[entity]]\nname = \"pair\"\nof = [\"customer\", \"terminal\"]\n";
    let keys = "kind = \"reports\"\nentity = \"pair\"\nstat = \"days_since_last\"";
    let program = with_features(&format!("{pair}{REPORTS}"), &[keys]);
    let roles: Vec<_> = fields(&program)[7..].iter().map(|(_, _, role)| *role).collect();
    assert_eq!(roles, [Role::Entity(0), Role::Object, Role::Entity(1)]);
}

const EVENTS: &str = "[events]\nfield = \"type\"\n";

#[test]
fn records_are_told_apart_by_a_field() {
    let keys = "scored = [\"paid\", 5]\nremembered = [true]\n";
    let types = with_features(&format!("{EVENTS}{keys}"), &[HOUR]).types.expect("given");
    let treatments = [
        ("paid".to_owned(), Treatment::Score),
        ("5".to_owned(), Treatment::Score),
        ("true".to_owned(), Treatment::Remember),
    ];
    assert_eq!(types.treatments, treatments);
    assert_eq!((types.others, types.unscored), (Treatment::Pass, Passage::Valid));
    let keys = "passed = [\"refund\"]\nothers = \"scored\"\nunscored = \"unscorable\"\n";
    let types = with_features(&format!("{EVENTS}{keys}"), &[HOUR]).types.expect("given");
    assert_eq!((types.others, types.unscored), (Treatment::Score, Passage::Unscorable));
    check(
        &format!("{EVENTS}passed = [\"refund\"]\n"),
        "fraud.toml:11:1: events: nothing is scored: list types under `scored`, or say `others = \"scored\"`",
    );
    check(
        &format!("{EVENTS}scored = [\"a\"]\npassed = [\"a\"]\n"),
        "fraud.toml:14:10: events: `passed` has \"a\", which is listed already",
    );
    check(
        &format!("{EVENTS}scored = \"a\"\n"),
        "fraud.toml:13:10: events: `scored` is \"a\", but it takes a list of texts",
    );
    check(
        &format!("{EVENTS}others = \"pased\"\n"),
        "fraud.toml:13:10: events: unknown `others` \"pased\" (did you mean \"passed\"?); known here: scored, remembered, passed",
    );
    check(
        &format!("{EVENTS}scored = [\"a\"]\nreports = [\"b\"]\n"),
        "fraud.toml:1:1: [events] has `reports`, but no [reports] says how they are read",
    );
}

#[test]
fn reports_may_be_records_of_a_type() {
    let keys = "scored = [\"paid\"]\nreports = [\"dispute\"]\n";
    let id = "[transaction]\nid = \"id\"\n";
    let feature = "kind = \"reports\"\nentity = \"terminal\"\nstat = \"days_since_last\"";
    let program = with_features(&format!("{id}{EVENTS}{keys}[reports]\n"), &[feature]);
    let roles: Vec<_> = fields(&program)[4..].iter().map(|(_, _, role)| *role).collect();
    assert_eq!(roles, [Role::Id, Role::EventType], "it has the fields of a transaction");
    assert!(program.reports_by_type() && program.reports_by_id() && program.is_reported(1));
    // Its id and its time may be elsewhere, also where a transaction has another field.
    let reports = "[reports]\nid = \"type\"\ntime = \"at\"\n";
    let program = with_features(&format!("{id}{EVENTS}{keys}{reports}"), &[feature]);
    let expected = [("type", None, Role::ReportId), ("at", None, Role::ReportTime)];
    assert_eq!(fields(&program)[6..], expected);
    assert!(!program.reports_by_id());
    check(&format!("{EVENTS}{keys}[reports]\n"), "fraud.toml:15:1: reports: `id` is missing");
    check(
        &format!("{id}{EVENTS}{keys}[reports]\npath = \"x\"\n"),
        "fraud.toml:18:1: reports: [reports] of records of a type has no key \"path\"; its keys: id, time",
    );
}

#[test]
fn clocks_and_known_transactions() {
    let program = with_features("[time]\npath = \"at\"\nmax_ahead = \"1d\"\n", &[HOUR]);
    assert_eq!((program.max_ahead, program.known), (86_400, 0));
    let program = with_features("[transaction]\nid = \"id\"\nknown = 8192\n", &[HOUR]);
    assert_eq!((program.max_ahead, program.known), (600, 8_192));
    check(
        "[transaction]\nid = \"id\"\nknown = 65536\n",
        "fraud.toml:13:9: transaction: `known` is 65536, but it takes a whole number from 1 to 65535",
    );
    check(
        "[time]\npath = \"at\"\nmax_ahead = \"10\"\n",
        "fraud.toml:13:13: time: `max_ahead` is \"10\", but it takes a number with its unit s, m, h or d, from \"1s\" to \"3650d\"",
    );
}
