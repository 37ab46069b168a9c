//! The calendar's days, and lengths of time, once for each unit: spans of a spec are in seconds, a broker's timestamps in
//! milliseconds.

/// Returns the days from 1970-01-01 to a day of the proleptic Gregorian calendar, whose month is 1 to 12.
#[inline(always)]
pub fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    // Years are counted from March, so that the leap day comes last, and from 400 years earlier, so that
    // there is one before the year 0.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    i64::from(365 * year + leap_days + (153 * month + 2) / 5 + day - 1) - (719_468 + 146_097)
}

/// Lengths in seconds.
pub mod seconds {
    /// 60 seconds.
    pub const MINUTE: u32 = 60;
    /// 60 minutes.
    pub const HOUR: u32 = 60 * MINUTE;
    /// 24 hours.
    pub const DAY: u32 = 24 * HOUR;
}

/// Lengths in milliseconds, and moments in milliseconds since 1970.
pub mod millis {
    /// 2000-01-01T00:00:00Z, the earliest time that anything can have.
    pub const YEAR_2000: i64 = 946_684_800_000;
    /// 1,000 milliseconds.
    pub const SECOND: i64 = 1_000;
    /// 60 seconds.
    pub const MINUTE: i64 = 60 * SECOND;
    /// 60 minutes.
    pub const HOUR: i64 = 60 * MINUTE;
    /// 24 hours.
    pub const DAY: i64 = 24 * HOUR;
}
