//! Features of a category: a value's hash → its code → a number.

use fraud_plan::program::{self, CategoryForm};

use crate::record::value::hash;

/// The code of every value that the program does not know.
const UNKNOWN: u16 = u16::MAX;

/// The codes of a category's known values, by the values' hashes.
///
/// A value's code stands at the first free slot from where its hash says; at least half of the slots
/// are free ([`UNKNOWN`]), so that a search ends. A value that is not known passes for one that is
/// with a probability of 2⁻⁶⁴ for each known value.
pub(super) struct Codes {
    /// The hashes by code.
    hashes: Vec<u64>,
    /// A power of two of codes.
    slots: Vec<u16>,
}

impl Codes {
    pub(super) fn new(category: &program::Category) -> Self {
        let hashes: Vec<u64> = category.values.iter().map(|value| hash(value.as_bytes())).collect();
        let mut codes =
            Self { slots: vec![UNKNOWN; (2 * hashes.len()).next_power_of_two()], hashes };
        for (code, &hash) in (0..).zip(&codes.hashes) {
            let at = codes.search(hash);
            codes.slots[at] = code;
        }
        codes
    }

    /// Returns the code of the value with this hash.
    pub(super) fn code(&self, hash: u64) -> u16 {
        self.slots[self.search(hash)]
    }

    /// Returns the slot that has the value, or else the free one where it would be.
    fn search(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != UNKNOWN && self.hashes[usize::from(self.slots[at])] != hash {
            at = (at + 1) & mask;
        }
        at
    }
}

/// The way from a value to a number.
pub(super) enum Form {
    Ordinal { vocabulary: u16 },
    OneHot { hash: u64 },
    Hashed { buckets: u32 },
    Table { numbers: Vec<f32>, unknown: f32 },
}

impl Form {
    pub(super) fn new(category: &program::Category, form: CategoryForm) -> Self {
        match form {
            CategoryForm::Ordinal => Form::Ordinal { vocabulary: category.vocabulary },
            CategoryForm::OneHot { code } => {
                Form::OneHot { hash: hash(category.values[usize::from(code)].as_bytes()) }
            }
            CategoryForm::Hashed { buckets } => Form::Hashed { buckets },
            CategoryForm::Table { table } => {
                let table = &category.tables[usize::from(table)];
                Form::Table { numbers: table.numbers.clone(), unknown: table.unknown }
            }
        }
    }

    /// Returns the number of the value with this hash; without one it is missing.
    // Not inlined: most programs have no categories.
    #[inline(never)]
    pub(super) fn number(&self, value: Option<u64>, codes: &Codes) -> f32 {
        let Some(hash) = value else {
            return f32::NAN;
        };
        match *self {
            Form::Ordinal { vocabulary } => match codes.code(hash) {
                code if code < vocabulary => code.into(),
                _ => -1.0,
            },
            Form::OneHot { hash: wanted } => u8::from(hash == wanted).into(),
            Form::Hashed { buckets } => (((hash >> 32) * u64::from(buckets)) >> 32) as f32,
            Form::Table { ref numbers, unknown } => {
                numbers.get(usize::from(codes.code(hash))).copied().unwrap_or(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_code_and_no_other_value_has_one() {
        for count in [0, 1, 2, 3, 100, 4096] {
            let category = program::Category {
                name: String::new(),
                optional: false,
                values: (0..count).map(|value| format!("value {value}")).collect(),
                vocabulary: count,
                tables: Vec::new(),
            };
            let codes = Codes::new(&category);
            for (code, value) in (0..).zip(&category.values) {
                assert_eq!(codes.code(hash(value.as_bytes())), code, "{value} of {count}");
            }
            for other in ["", "value", "value -1", "Value 0"] {
                assert_eq!(codes.code(hash(other.as_bytes())), UNKNOWN, "{other} of {count}");
            }
        }
    }
}
