//! One test for each odd record: into the compiled module, and out exactly once, scored with nothing
//! but the verdict added, or unchanged with the reason that its table is called after.

mod common;

use common::{Broker, GOOD, NOW, check, with};

/// A test for each record: `reason { name: record, … }`.
macro_rules! records {
    ($($expect:ident { $($name:ident: $record:expr,)+ })+) => {$(
        mod $expect {
            use super::*;
            $(
                #[test]
                fn $name() {
                    let record = String::from($record);
                    let mut broker = Broker::start();
                    // Read by the scanner, and once more where its layout may be known.
                    for _ in 0..2 {
                        check(&mut broker, NOW, Some(record.as_bytes()), stringify!($expect));
                    }
                }
            )+
        }
    )+};
}

const ID: &str = r#""customer_id":"596""#;
const TIME: &str = r#""timestamp":"2018-04-01T00:00:31Z","#;
const REPORT: &str =
    r#"{"transaction_id":"9","terminal_id":"3","amount":5,"reported_at":"2018-04-01T00:00:31Z"}"#;

/// The good record with another customer.
fn id(to: &str) -> String {
    with(ID, &format!(r#""customer_id":{to}"#))
}

fn amount(to: &str) -> String {
    with("57.16", to)
}

fn time(to: &str) -> String {
    with(r#""2018-04-01T00:00:31Z""#, to)
}

/// The good record with one member more.
fn and(member: &str) -> String {
    with("}", &format!(",{member}}}"))
}

/// The good record with a member that makes it this deep.
fn deep(depth: usize) -> String {
    and(&format!(r#""x":{}{}"#, "[".repeat(depth - 1), "]".repeat(depth - 1)))
}

/// A record with this value in place of the array of fraud reports.
fn reports(value: &str) -> String {
    format!(r#"{{"fraud_reports":{value}}}"#)
}

/// A record of one fraud report, with one text in the report replaced.
fn report(from: &str, to: &str) -> String {
    assert!(REPORT.contains(from), "{from}");
    reports(&format!("[{}]", REPORT.replacen(from, to, 1)))
}

records! {
    scored {
        as_it_should_be: GOOD,
        byte_order_mark: format!("\u{feff}{GOOD}"),
        no_reports: and(r#""fraud_reports":[]"#),
        reports_null: and(r#""fraud_reports":null"#),
        white_space_around: format!(" \t\r\n{GOOD} \n"),
        white_space_within: GOOD.replace(":", " : ").replace(" : 00 : ", ":00:").replace(",", " ,\n"),
        id_integer: id("596"),
        id_whole_decimal: id("5.0"),
        id_with_exponent: id("5e0"),
        id_minus_zero: id("-0"),
        id_of_thirty_digits: id("123456789012345678901234567890"),
        id_escaped: id(r#""\u0035\u0039\u0036""#),
        id_half_a_surrogate_pair: id(r#""\ud800""#),
        id_long: id(&format!("{:?}", "i".repeat(5000))),
        name_of_id_escaped: with(r#""customer_id""#, r#""c\u0075stomer_id""#),
        name_of_amount_escaped: with(r#""amount""#, r#""\u0061mount""#),
        amount_zero: amount("0"),
        amount_minus_zero: amount("-0.0"),
        amount_negative: amount("-12"),
        amount_with_exponent: amount("1E2"),
        amount_large: amount("1e9"),
        amount_below_all_floats: amount("1e-400"),
        amount_smallest_float: amount("0.000000000000000000000000000000000000000000000000000000000000000000001"),
        amount_largest_float: amount("3.4028234e38"),
        amount_with_many_digits: amount("57.1600000000000000000000000000000000000000000000000000000001"),
        time_null: time("null"),
        time_integer: time("1522540831000"),
        time_decimal: time("1522540831000.5"),
        time_with_exponent: time("1.5e12"),
        time_digits_in_text: time(r#""1522540831000""#),
        time_with_offset_without_colon: time(r#""2018-04-01T02:00:31+0200""#),
        time_with_offset_of_hours: time(r#""2018-04-01T02:00:31+02""#),
        time_with_name_of_zone: time(r#""2018-04-01 00:00:31 UTC""#),
        time_with_offset: time(r#""2018-04-01 00:00:31.123+02:00""#),
        time_escaped: time(r#""2018-04-01T00:00:31\u005a""#),
        time_earliest: time(r#""2000-01-01T00:00:00Z""#),
        time_a_day_ahead: time(r#""2018-04-03T00:00:00Z""#),
        time_absent: with(TIME, ""),
        other_name_almost_a_field: and(r#""amount ":1"#),
        other_number_beyond_floats: and(r#""x":1e999"#),
        other_name_twice: and(r#""x":1,"x":2"#),
        other_object_with_names_of_fields: and(r#""x":{"amount":"no","fraud":1}"#),
        other_text_half_a_surrogate_pair: and(r#""x":"\ud800 alone""#),
        other_name_almost_the_verdict: and(r#""fraud_":1"#),
        other_names_empty: and(r#""":{"":[]}"#),
        other_text_long: and(&format!(r#""x":{:?}"#, "long ".repeat(10_000))),
        other_name_and_text_beyond_ascii: and(r#""é":"💳""#),
        as_deep_as_allowed: deep(64),
    }
    too_deep {
        one_too_many: deep(65),
        arrays_that_never_end: "[".repeat(60_000),
        objects_that_never_end: r#"{"a":"#.repeat(10_000),
    }
    invalid_json {
        nothing: "",
        white_space: " ",
        an_opening_brace: "{",
        half_a_literal: "nul",
        not_a_number_quite: "Nan",
        text_in_single_quotes: "'text'",
        words: "not json",
        two_empty_objects: "{}{}",
        the_record_twice: format!("{GOOD}{GOOD}"),
        comma_behind: format!("{GOOD},"),
        half_a_byte_order_mark: GOOD.replacen('{', "\u{fe}{", 1),
        byte_order_mark_twice: format!("\u{feff}\u{feff}{GOOD}"),
        single_quotes: GOOD.replace('"', "'"),
        two_commas: with(",", ",,"),
        comma_before_the_end: with("}", ",}"),
        no_colon: with(":", ""),
        amount_nan_in_small_letters: amount("nan"),
        amount_with_leading_zero: amount("057"),
        amount_with_nothing_behind_the_point: amount("57."),
        amount_with_nothing_before_the_point: amount(".5"),
        amount_with_plus: amount("+5"),
        amount_with_empty_exponent: amount("1e"),
        amount_hexadecimal: amount("0x10"),
        unknown_escape: and(r#""x":"\x""#),
        escape_too_short: and(r#""x":"\u12""#),
        tab_in_text: and("\"x\":\"\t\""),
        zero_byte_in_text: and("\"x\":\"\0\""),
        name_without_quotes: and(r#"x:1"#),
    }
    not_an_object {
        array: r#"["1",5]"#,
        record_in_an_array: format!("[{GOOD}]"),
        null: "null",
        boolean: "true",
        number: "5",
        text: r#""text""#,
    }
    duplicate_field {
        amount_twice: and(r#""amount":57.16"#),
        amount_again_as_null: and(r#""amount":null"#),
        amount_again_escaped: and(r#""\u0061mount":1"#),
        id_twice: and(r#""customer_id":596"#),
        time_twice: and(r#""timestamp":0"#),
        before_all_that_is_wrong_besides:
            format!(r#"{},"amount":1,"fraud":1}}"#, amount("\"x\"").trim_end_matches('}')),
    }
    verdict_present {
        object: and(r#""fraud":{}"#),
        null: and(r#""fraud":null"#),
        escaped: and(r#""fr\u0061ud":1"#),
    }
    missing_field {
        all: "{}",
        id_of_another_name: with(ID, r#""customer":"596""#),
        amount_capitalised: with(r#""amount""#, r#""Amount""#),
        amount_with_a_zero_byte: with(r#""amount""#, r#""amount\u0000""#),
        amount_null: amount("null"),
        id_null: id("null"),
        id_empty: id(r#""""#),
        fields_in_an_object_of_another_name: r#"{"x":{"customer_id":1,"amount":2}}"#,
        before_a_wrong_type: r#"{"customer_id":true,"timestamp":"x"}"#,
    }
    wrong_type {
        amount_text: amount(r#""57.16""#),
        amount_boolean: amount("true"),
        amount_array: amount("[57.16]"),
        amount_object: amount("{}"),
        id_decimal: id("5.5"),
        id_beyond_exact_floats: id("9007199254740994.0"),
        id_boolean: id("true"),
        id_array: id("[]"),
        id_object: id("{}"),
        time_boolean: time("true"),
        time_array: time("[]"),
    }
    not_a_number {
        alone: "NaN",
        amount_nan: amount("NaN"),
        amount_infinity: amount("Infinity"),
        amount_minus_infinity: amount("-Infinity"),
        amount_nan_in_text: amount(r#""NaN""#),
        amount_infinity_in_text: amount(r#""-inf""#),
        other_nan: and(r#""x":NaN"#),
    }
    not_finite {
        amount_large: amount("1e400"),
        amount_large_negative: amount("-1e400"),
        amount_just_beyond_floats: amount("3.5e38"),
    }
    bad_time {
        before_2000: time(r#""1999-12-31T23:59:59.999Z""#),
        more_than_a_day_ahead: time(r#""2018-04-03T00:00:00.001Z""#),
        no_such_day: time(r#""2018-02-29T00:00:00Z""#),
        no_zone: time(r#""2018-04-01T00:00:31""#),
        a_word: time(r#""yesterday""#),
        empty: time(r#""""#),
        long: time(&format!("{:?}", "2018-04-01T00:00:31Z".repeat(100))),
        long_escaped: time(&format!(r#""{}""#, r"\u0032".repeat(100))),
        zero: time("0"),
        minus_one: time("-1"),
        largest_integer: time("9223372036854775807"),
        beyond_integers: time("99999999999999999999"),
    }
    bad_report {
        reports_object: reports("{}"),
        reports_null: reports("null"),
        report_number: reports("[1]"),
        report_array: reports("[[]]"),
        report_empty: reports("[{}]"),
        second_report_empty: reports(&format!("[{REPORT},{{}}]")),
        second_report_null: reports(&format!("[{REPORT},null]")),
        reports_in_two_arrays: reports(&format!("[[{REPORT}]]")),
        no_id: report(r#""transaction_id":"9","#, ""),
        no_terminal: report(r#""terminal_id":"3","#, ""),
        terminal_decimal: report(r#""terminal_id":"3""#, r#""terminal_id":3.5"#),
        time_null: report(r#""reported_at":"2018-04-01T00:00:31Z""#, r#""reported_at":null"#),
        time_ahead: report("2018-04-01", "2018-04-04"),
        time_before_2000: report("2018-04-01", "1998-04-01"),
        amount_text: report(r#""amount":5"#, r#""amount":"5""#),
        amount_twice: report(r#""amount":5"#, r#""amount":5,"amount":5"#),
        reports_twice: format!(r#"{{"fraud_reports":[{REPORT}],"fraud_reports":[{REPORT}]}}"#),
        // A transaction is written, whatever it brings.
        with_a_transaction: and(&format!(r#""fraud_reports":[{REPORT}]"#)),
    }
}
