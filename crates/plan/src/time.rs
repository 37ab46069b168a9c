//! Lengths of time, once for each unit: spans of a spec are in seconds, a broker's timestamps in
//! milliseconds.

/// Lengths in seconds.
pub mod seconds {
    /// 60 seconds.
    pub const MINUTE: u32 = 60;
    /// 60 minutes.
    pub const HOUR: u32 = 60 * MINUTE;
    /// 24 hours.
    pub const DAY: u32 = 24 * HOUR;
}

/// Lengths in milliseconds.
pub mod millis {
    /// 1,000 milliseconds.
    pub const SECOND: i64 = 1_000;
    /// 60 seconds.
    pub const MINUTE: i64 = 60 * SECOND;
    /// 60 minutes.
    pub const HOUR: i64 = 60 * MINUTE;
    /// 24 hours.
    pub const DAY: i64 = 24 * HOUR;
}
