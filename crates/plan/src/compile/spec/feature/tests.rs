use std::path::Path;

use super::super::tests::{AMOUNT, check, check_feature, sources, with_features};
use super::super::{TableOf, parse, parse_untrained, parse_with_files};
use crate::program::{
    Category, CategoryForm, Identity, Operation, Program, Source, Stat, Trace, Value, ValueTable,
};

const KIND: &str = "[[category]]\nname = \"kind\"\npath = \"type\"\nvalues = [\"a\", 12, \"b\"]\n";

/// Parses a spec of the category `kind` and features, given by their keys; they are named x0, x1 …
/// Names of files are those beside the crate's fixtures.
fn with_files(category: &str, features: &[&str]) -> Result<(Program, usize), String> {
    let features: String = (features.iter().enumerate())
        .map(|(at, keys)| format!("[[feature]]\nname = \"x{at}\"\n{keys}\n"))
        .collect();
    let spec =
        format!("version = 1\nentity = [{{ name = \"c\", path = \"c\" }}]\n{category}{features}");
    let read = parse_with_files(&spec, "tests/fixtures/values/fraud.toml");
    let (program, files) = read.map_err(|error| error.to_string())?;
    assert_eq!(program.fault(), None);
    Ok((program, files.len()))
}

fn names(program: &Program) -> Vec<&str> {
    program.features.iter().map(|feature| feature.name.as_str()).collect()
}

#[test]
fn every_form_of_a_category() {
    let features = [
        "kind = \"category\"\nof = \"kind\"\nas = \"ordinal\"",
        "kind = \"category\"\nof = \"kind\"\nas = \"one_hot\"",
        "kind = \"category\"\nof = \"kind\"\nas = \"hashed\"\nbuckets = 64",
    ];
    let program = with_features(KIND, &features);
    assert_eq!(names(&program), ["x0", "x1=a", "x1=12", "x1=b", "x2"]);
    let forms = [
        CategoryForm::Ordinal,
        CategoryForm::OneHot { code: 0 },
        CategoryForm::OneHot { code: 1 },
        CategoryForm::OneHot { code: 2 },
        CategoryForm::Hashed { buckets: 64 },
    ];
    assert_eq!(sources(&program), forms.map(|form| Source::Category { category: 0, form }));
    assert_eq!(
        program.categories,
        [Category {
            name: "kind".into(),
            optional: false,
            values: ["a", "12", "b"].map(str::to_owned).to_vec(),
            vocabulary: 3,
            tables: vec![],
        }]
    );
}

#[test]
fn a_vocabulary_and_tables_in_files() {
    let category = "[[category]]\nname = \"kind\"\npath = \"type\"\noptional = true\n\
                    values = \"kinds.txt\"\n";
    let table = "kind = \"category\"\nof = \"kind\"\nas = \"table\"\ntable = \"rates.csv\"";
    let (program, files) =
        with_files(category, &[table, &format!("{table}\nunknown = 0.5")]).unwrap();
    assert_eq!(files, 3, "the vocabulary, and the table twice");
    let [kind] = &*program.categories else { panic!("{:?}", program.categories) };
    // The table has three values more than the vocabulary.
    assert_eq!(kind.values, ["a b", "é", "12", "x, y", "\"z\"", "w"]);
    assert_eq!((kind.vocabulary, kind.optional), (3, true));
    let [first, second] = &*kind.tables else { panic!("{:?}", kind.tables) };
    assert!(first.unknown.is_nan() && first.numbers[1].is_nan(), "{first:?}");
    let numbers = vec![0.25, 0.5, -3.0, 1e9, 7.0, 0.0];
    assert_eq!(*second, ValueTable { numbers, unknown: 0.5 });
    // Without a vocabulary the table's values are all that is known.
    let category = "[[category]]\nname = \"kind\"\npath = \"type\"\n";
    let (program, _) = with_files(category, &[table]).unwrap();
    assert_eq!((program.categories[0].vocabulary, program.categories[0].values.len()), (0, 5));
}

#[test]
fn tables_that_training_makes() {
    let category = "[[category]]\nname = \"kind\"\npath = \"type\"\n";
    let table = "kind = \"category\"\nof = \"kind\"\nas = \"table\"\ntable = \"none.csv\"";
    let rate = format!("{table}\nmade = \"fraud_rate\"\nunknown = 0.5");
    let count = format!("{table}\nmade = \"count\"");
    let spec = |features: &[&str]| {
        let features = features.iter().enumerate();
        let features =
            features.map(|(at, keys)| format!("[[feature]]\nname = \"x{at}\"\n{keys}\n"));
        let head = "version = 1\nentity = [{ name = \"c\", path = \"c\" }]\n";
        format!("{head}{category}{}", features.collect::<String>())
    };
    let text = spec(&[&rate, "kind = \"time\"\npart = \"hour\"", &count]);
    let (program, made) = parse_untrained(&text, "m/fraud.toml").unwrap();
    let tables = made.iter().map(|made| (made.of, made.category, made.feature, made.unknown));
    let tables: Vec<_> = tables.map(|it| (it.0, it.1, it.2, it.3.to_string())).collect();
    let expect =
        [(TableOf::FraudRate, 0, 0, "0.5".to_owned()), (TableOf::Count, 0, 2, "NaN".to_owned())];
    assert_eq!(tables, expect);
    assert_eq!(made[0].file, Path::new("m/none.csv"));
    assert!(program.categories[0].values.is_empty(), "{:?}", program.categories);

    let refused = |text: &str| parse(text, "m/fraud.toml").unwrap_err().to_string();
    let missing = refused(&text);
    let expect = "m/fraud.toml:11:9: feature \"x0\": cannot read m/none.csv: No such file or directory (os \
                  error 2); training makes it: fraud train m --input FILE, with --label PATH or --frauds LIST.csv";
    assert_eq!(missing, expect);
    // A count tells no label, and may be read by others.
    let reads = "kind = \"combine\"\nof = [\"x0\", \"x0\"]\nas = \"product\"";
    assert!(parse_untrained(&spec(&[&count, reads]), "m/fraud.toml").is_ok());
    for reads in [
        reads,
        "kind = \"window\"\nentity = \"c\"\nstat = \"max\"\nof = \"x0\"\nhalf_life = \"1d\"",
    ] {
        let text = spec(&[&rate, reads]);
        let refused = parse_untrained(&text, "m/fraud.toml").unwrap_err().to_string();
        assert!(refused.contains("\"x0\" is read from a table that training makes"), "{refused}");
    }
}

#[test]
fn two_values_combined() {
    let program = with_features(
        "",
        &[
            "kind = \"combine\"\nof = [\"amount\", \"amount\"]\nas = \"product\"",
            "kind = \"combine\"\nof = [\"x0\", \"amount\"]\nas = \"ratio\"",
        ],
    );
    let (operation, left, right) = (Operation::Ratio, Value::Feature(0), AMOUNT);
    assert_eq!(sources(&program)[1], Source::Combine { operation, left, right });
}

const POINTS: &str = "number = [\n\
    { name = \"lat\", path = \"lat\" },\n{ name = \"lon\", path = \"lon\" },\n\
    { name = \"shop_lat\", path = \"s.lat\" },\n{ name = \"shop_lon\", path = \"s.lon\" },\n]\n";

#[test]
fn distances_last_and_different_values() {
    let of_customer = |keys: &str| format!("kind = \"window\"\nentity = \"c\"\n{keys}");
    let from = "kind = \"distance\"\nfrom = [\"lat\", \"lon\"]\n";
    let (program, _) = with_files(
        POINTS,
        &[
            &format!("{from}to = [\"shop_lat\", \"shop_lon\"]"),
            &format!("{from}entity = \"c\""),
            &format!("{from}entity = \"c\"\nas = \"km_per_hour\""),
            &of_customer("stat = \"last\"\nof = \"x1\"\nlength = 2"),
            &of_customer("stat = \"distinct\"\nof = \"c\"\nwithin = \"1d\""),
            &of_customer("stat = \"distinct\"\nof = \"c\"\nwithin = \"90m\"\ncap = 5"),
        ],
    )
    .unwrap();
    assert_eq!(names(&program), ["x0", "x1", "x2", "x3.1", "x3.2", "x4", "x5"]);
    let found = sources(&program);
    assert_eq!(found[0], Source::Distance { from: [0, 1], to: [2, 3] });
    let outputs = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 0)];
    let of_table = outputs.map(|(trace, output)| {
        let stat = Stat::Trace { trace, output };
        Source::Remembered { table: 0, stat }
    });
    assert_eq!(found[1..], of_table);
    let of = Identity::Entity(0);
    let traces = [
        Trace::Point { latitude: 0, longitude: 1 },
        Trace::Last { value: Value::Feature(1), length: 2 },
        Trace::Distinct { of, window: 86_400, cap: 8 },
        Trace::Distinct { of, window: 5_400, cap: 5 },
    ];
    assert_eq!(program.tables[0].traces, traces);
    assert_eq!(program.tables[0].bytes(), 12 + 4 * (3 + 2 + 8 + 5));
}

#[test]
fn errors_of_distances_last_and_different_values() {
    let check_point = |keys: &str, error: &str| {
        let found = with_files(POINTS, &[&format!("kind = \"distance\"\n{keys}")]).map(|_| ());
        assert_eq!(found, Err(format!("tests/fixtures/values/fraud.toml:{error}")), "{keys}");
    };
    check_point(
        "from = [\"lat\", \"lom\"]\nentity = \"c\"",
        r#"12:16: feature "x0": unknown `from` "lom" (did you mean "lon"?); known here: lat, lon, shop_lat, shop_lon"#,
    );
    check_point(
        "from = [\"lat\", \"lon\"]",
        r#"9:1: feature "x0": `to` or `entity` is missing: a second point of the record, or whose last one"#,
    );
    check_point(
        "from = [\"lat\", \"lon\"]\nto = [\"lat\", \"lon\"]\nas = \"km\"",
        r#"14:1: feature "x0": a distance between two points of the record has no key "as"; its keys: name, kind, from, to"#,
    );
    let window = |keys: &str| format!("kind = \"window\"\nentity = \"customer\"\n{keys}");
    check_feature(
        &window("stat = \"last\"\nof = \"amount\"\nlength = 65"),
        r#"fraud.toml:17:10: feature "x": `length` is 65, but it takes a whole number from 1 to 64"#,
    );
    check_feature(
        &window("stat = \"distinct\"\nof = \"termina\"\nwithin = \"1d\""),
        r#"fraud.toml:16:6: feature "x": unknown `of` "termina" (did you mean "terminal"?); known here: customer, terminal"#,
    );
    check_feature(
        &window("stat = \"distinct\"\nof = \"terminal\"\nhalf_life = \"1d\""),
        r#"fraud.toml:11:1: feature "x": `within` is missing"#,
    );
}

#[test]
fn errors_of_categories_and_combinations() {
    check(
        "[[category]]\nname = \"kind\"\npath = \"type\"\nvalues = [\"a\", \"b\", \"a\"]\n",
        r#"fraud.toml:11:1: category "kind": value 3 is "a", as value 1 is; a value has one code"#,
    );
    check(
        "[[category]]\nname = \"kind\"\npath = \"type\"\nvalues = []\n",
        r#"fraud.toml:11:1: category "kind": `values` are 0, but a vocabulary has between 1 and 65535"#,
    );
    check(
        "[[category]]\nname = \"kind\"\npath = \"amount\"\n",
        r#"fraud.toml:13:8: category "kind": `amount` is already number "amount""#,
    );
    check(
        "[[category]]\nname = \"kind\"\npath = \"type\"\nvalues = [1.5]\n",
        r#"fraud.toml:14:10: category "kind": `values` is [1.5], but it takes a list of texts and whole numbers, or the name of a file"#,
    );
    check_feature(
        "kind = \"category\"\nof = \"kind\"",
        r#"fraud.toml:14:6: feature "x": there is no [[category]] to be `of`"#,
    );
    check_feature(
        "kind = \"combine\"\nof = [\"amount\"]",
        r#"fraud.toml:14:6: feature "x": `of` is ["amount"], but it takes a list of two names"#,
    );
    check_feature(
        "kind = \"combine\"\nof = [\"amount\", \"amuont\"]\nas = \"ratio\"",
        r#"fraud.toml:14:17: feature "x": unknown `of` "amuont" (did you mean "amount"?); known here: amount"#,
    );
    let check_kind = |category: &str, keys: &str, error: &str| {
        let keys = format!("kind = \"category\"\nof = \"kind\"\n{keys}");
        let found = with_files(category, &[&keys]).map(|_| ());
        assert_eq!(found, Err(format!("tests/fixtures/values/fraud.toml:{error}")), "{keys}");
    };
    check_kind(
        KIND,
        "as = \"one-hot\"",
        r#"11:6: feature "x0": unknown `as` "one-hot" (did you mean "one_hot"?); known here: ordinal, one_hot, hashed, table"#,
    );
    check_kind(
        KIND,
        "as = \"hashed\"\nbuckets = 1",
        r#"12:11: feature "x0": `buckets` is 1, but it takes a whole number from 2 to 16777216"#,
    );
    check_kind(
        KIND,
        "as = \"table\"\ntable = \"bad.csv\"",
        r#"12:9: feature "x0": tests/fixtures/values/bad.csv:2: this is "b;2", but a line is `value,number`"#,
    );
    check_kind(
        KIND,
        "as = \"table\"\ntable = \"doubled.csv\"",
        r#"12:9: feature "x0": tests/fixtures/values/doubled.csv:3: "a" has a number on line 1 already"#,
    );
    check_kind(
        KIND,
        "as = \"table\"\ntable = \"none.csv\"",
        r#"12:9: feature "x0": cannot read tests/fixtures/values/none.csv: No such file or directory (os error 2)"#,
    );
    check_kind(
        "[[category]]\nname = \"kind\"\npath = \"type\"\n",
        "as = \"ordinal\"",
        r#"6:1: feature "x0": category "kind" has no `values`, which this form counts; `hashed` and `table` need none"#,
    );
    let collides = "kind = \"category\"\nof = \"kind\"\nas = \"one_hot\"\n\
                    [[feature]]\nname = \"x0=a\"\nkind = \"time\"\npart = \"hour\"";
    assert_eq!(
        with_files(KIND, &[collides]).map(|_| ()),
        Err("tests/fixtures/values/fraud.toml:12:1: feature \"x0=a\": \"x0=a\" is the name of \
             another feature too; give one of both another name"
            .into())
    );
}
