use std::sync::LazyLock;

use proptest::prelude::*;

use super::{Plan, PlanBuf, find_in};
use crate::compile::{MaskArrays, MaskLimits, lower, spec};
use crate::decision::Decision;
use crate::reference;

/// Plans with features of several kinds, and each form of a forest: a walk, masks with rows of masks,
/// masks with rows of numbers.
static PLANS: LazyLock<[PlanBuf; 3]> = LazyLock::new(|| {
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
});

/// Reads bytes, and evaluates the plan; whether they are a plan.
fn is_plan(bytes: &[u8]) -> bool {
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
    for bytes in &*PLANS {
        let plan = bytes.read().unwrap();
        assert_eq!(plan.write(), *bytes);
        assert!(plan.forest.is_some());
    }
}

/// A change here changes the model's name in every verdict, and old modules cannot be read: say so in
/// the commit that makes it, and change the magic.
#[test]
fn bytes_are_golden() {
    let ids = PLANS.each_ref().map(|bytes| format!("{:08x}", bytes.read().unwrap().id));
    assert_eq!(ids, ["9bdf80a6", "d2fe65eb", "b42daf3c"]);
}

/// A plan that was written when the format was new: whatever writes plans now, it is read as before.
#[test]
fn a_stored_plan_is_read() {
    let stored = PlanBuf::new(include_bytes!("../../tests/fixtures/stored-4.plan"));
    let plan = stored.read().unwrap();
    assert_eq!((plan.id, plan.program.features.len()), (0xd2fe_65eb, 4));
    let vectors = [[f32::NAN; 4], [0.5; 4], [-1.0, 3.0, f32::NAN, 1e6]];
    let sums = vectors.map(|x| reference::sum(plan.forest.as_ref().unwrap(), &x));
    assert_eq!(sums, [-0.7814228693023324, -0.7530788639560342, -1.1054955869913101]);
}

#[test]
fn found_in_a_module_wherever_it_lies() {
    for plan in &*PLANS {
        for before in 0..9 {
            let before = vec![7; before];
            let module = [b"fraudpl4", &*before, plan.bytes(), b"fraudpl4 and more"].concat();
            assert_eq!(find_in(&module).as_ref(), Some(plan), "{} bytes before it", before.len());
        }
    }
    assert_eq!(find_in(b"\0asm"), None);
}

#[test]
fn not_found_with_a_byte_changed() {
    let mut bytes = PLANS[0].bytes().to_vec();
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        assert_eq!(find_in(&bytes), None, "byte {at}");
        bytes[at] ^= 1;
    }
    assert!(find_in(&bytes).is_some());
}

#[test]
fn cut_short_is_no_plan() {
    for plan in &*PLANS {
        let bytes = plan.bytes();
        assert!(is_plan(bytes));
        for len in 0..bytes.len() {
            assert!(!is_plan(&bytes[..len]), "{len} of {} bytes", bytes.len());
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
        let mut bytes = PLANS[form].bytes().to_vec();
        let len = bytes.len();
        // Header, table and scalars are small: two of three blows go there.
        for (number, (place, byte)) in damage.into_iter().enumerate() {
            let place = usize::from(place);
            let at = match number {
                0 => place % len,
                1 => 8 + place % 136,
                _ => 8 + place % 500,
            };
            bytes[at] = byte;
        }
        is_plan(&bytes);
    }
}
