//! Kafka's default partitioner, which Kafka's clients share: a key's partition is its murmur2 hash,
//! without the sign, modulo the number of partitions.

/// Returns the partition into which Kafka's default partitioner puts a record with this key.
///
/// # Panics
/// If there are no partitions.
pub fn partition_of_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// Computes MurmurHash2 with 32 bits and Kafka's seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for &word in words {
        let k = u32::from_le_bytes(word).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (k ^ k >> 24).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest`.
    #[test]
    fn as_kafka_hashes() {
        for (key, expect) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, expect, "{key}");
        }
    }

    #[test]
    fn the_sign_bit_is_dropped() {
        assert_eq!(partition_of_key(b"21", 4), (-973_932_308_i32 & 0x7fff_ffff) as u32 % 4);
        assert_eq!(partition_of_key(b"anything", 1), 0);
    }
}
