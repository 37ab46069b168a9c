//! A small generator for tools, tests and benchmarks.

/// SplitMix64: a stream of random numbers that is the same on every machine. A
/// simulation draws from ChaCha instead, whose streams are independent.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// Starts the stream of a seed. Two seeds are two places in one cycle of 2^64 numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws a number, all of whose 64 bits are random.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// Draws a number of 0..limit, for limit > 0, by its remainder; the bias is below limit / 2^64.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    /// The first numbers of the reference implementation in C (Vigna, 2015) for these seeds.
    #[test]
    fn numbers_are_the_published_ones() {
        let mut random = SplitMix64::new(1_234_567);
        let drawn = [(); 3].map(|()| random.draw());
        let published =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(drawn, published);
        assert_eq!(SplitMix64::new(0).draw(), 0xe220_a839_7b1d_cdaf);
    }
}
