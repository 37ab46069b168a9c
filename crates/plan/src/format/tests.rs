use proptest::prelude::*;

use super::{Plan, PlanBuf, find_in};
use crate::compile::{MaskArrays, MaskLimits, lower, spec};
use crate::decision::Decision;
use crate::reference;

/// Plans with every kind of feature, and each form of a forest.
fn plans() -> [Vec<u8>; 3] {
    let spec = r#"
        version = 1
        entity = [{ name = "c", path = "c" }]
        number = [{ name = "n", path = "a.n", optional = true }]
        feature = [
            { name = "n", kind = "number", of = "n" },
            { name = "t", kind = "time", part = "hour" },
            { name = "m", kind = "window", entity = "c", stat = "mean", of = "n", half_life = "7d" },
            { name = "x", kind = "window", entity = "c", stat = "max", of = "m", half_life = "1d", ratio = true },
        ]
    "#;
    let model = include_bytes!("../../tests/fixtures/lightgbm.onnx");
    let ensemble = lower(model, "lightgbm.onnx").unwrap();
    let [rows, numbers] = [1 << 14, 0].map(|row_bytes| {
        MaskArrays::new(&ensemble, MaskLimits { row_bytes, bytes: 1 << 14 }).unwrap()
    });
    let forests = [ensemble.as_forest(), rows.as_forest(&ensemble), numbers.as_forest(&ensemble)];
    forests.map(|forest| {
        let program = spec::parse(spec, "spec").unwrap();
        Plan { id: 0, program, decision: Decision::default(), forest: Some(forest) }.write()
    })
}

/// Reads bytes; a plan that comes of them can be walked. False if none does.
fn walk(bytes: &[u8]) -> bool {
    let bytes = PlanBuf::new(bytes);
    let Ok(plan) = bytes.read() else {
        return false;
    };
    let features = plan.program.features.len();
    let forest = plan.forest.filter(|_| features <= crate::forest::MAX_FEATURES);
    for x in [f32::NAN, f32::MIN, -0.5, 0.0, 0.5, f32::MAX] {
        forest.map(|forest| reference::sum(&forest, &vec![x; features]));
    }
    true
}

#[test]
fn written_and_read() {
    for bytes in plans() {
        let bytes = PlanBuf::new(&bytes);
        let plan = bytes.read().unwrap();
        assert_eq!(plan.write(), bytes.bytes());
        assert_ne!(plan.id, 0);
        assert!(plan.forest.is_some());
    }
}

#[test]
fn found_in_a_module_wherever_it_lies() {
    for bytes in plans() {
        for before in 0..9 {
            let module =
                [&b"fraudpl1"[..], &vec![7; before], &bytes, b"fraudpl1 and more"].concat();
            let found = find_in(&module).unwrap();
            assert_eq!(found.bytes(), bytes, "{before} bytes before it");
        }
    }
    assert_eq!(find_in(b"\0asm"), None);
}

#[test]
fn not_found_with_a_byte_changed() {
    let [mut bytes, ..] = plans();
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        assert_eq!(find_in(&bytes), None, "byte {at}");
        bytes[at] ^= 1;
    }
    assert!(find_in(&bytes).is_some());
}

#[test]
fn cut_short_is_no_plan() {
    for bytes in plans() {
        assert!(walk(&bytes));
        for len in 0..bytes.len() {
            assert!(!walk(&bytes[..len]), "{len} of {} bytes", bytes.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn damaged_never_panics(
        form in 0..3_usize,
        damage in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = plans()[form].clone();
        let len = bytes.len();
        // The header and the head are small: every other blow goes there.
        for (at, (place, byte)) in damage.into_iter().enumerate() {
            let place = usize::from(place);
            let at = match at {
                0 => place % len,
                1 => 8 + place % 56,
                _ => len - 1 - place % 120,
            };
            bytes[at] = byte;
        }
        walk(&bytes);
    }
}
