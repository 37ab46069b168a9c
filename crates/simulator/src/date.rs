//! Days since 1970 to and from the calendar, by Howard Hinnant's algorithms: a year starts in March,
//! so that a leap day is its last day, and an era has 400 years.

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar (year, month 1–12, day 1–31).
pub const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns the date (year, month 1–12, day 1–31) of a day, counted from 1970-01-01.
pub const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (date, days) in [
            ((1970, 1, 1), 0),
            ((1969, 12, 31), -1),
            ((2000, 2, 29), 11_016),
            ((2018, 4, 1), 17_622),
            ((2100, 3, 1), 47_541),
        ] {
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
            assert_eq!(civil_from_days(days), date);
        }
    }

    #[test]
    fn every_day_of_an_era_follows_the_last() {
        let mut last = civil_from_days(-80_000);
        for days in -79_999..80_000 {
            let date = civil_from_days(days);
            assert!(date > last && date.2 <= 31, "{last:?} then {date:?}");
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
            last = date;
        }
    }
}
