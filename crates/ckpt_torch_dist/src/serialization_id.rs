//! The 40 digits of the last record, `.data/serialization_id`: torch's fingerprint of an archive.
//!
//! Rule (torch's `caffe2/serialize/inline_container.cc`): 20 digits that combine the hashes of the
//! records' names, then 20 that combine the CRCs of the records that have a data descriptor. The
//! names are combined in the iteration order of a libstdc++ `unordered_set<string>`, so that order
//! and libstdc++'s string hash are reproduced here.

/// Bucket counts that libstdc++ steps through as a set grows one by one; more names than the last
/// one holds still give an id, only not torch's.
const BUCKETS: [usize; 11] = [13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753];

#[derive(Default)]
pub(crate) struct SerializationId {
    /// Hashes in the set's iteration order.
    names: Vec<u64>,
    growth: usize,
    crcs: u64,
}

impl SerializationId {
    /// Adds a record: its name without the archive's root, its CRC if a data descriptor holds one.
    pub(crate) fn add(&mut self, name: &str, crc: Option<u32>) {
        if self.names.len() >= BUCKETS[self.growth] && self.growth + 1 < BUCKETS.len() {
            self.growth += 1;
            for hash in std::mem::take(&mut self.names) {
                self.insert(hash);
            }
        }
        self.insert(hash_bytes(name.as_bytes()));
        if let Some(crc) = crc {
            self.crcs = hash_combine(self.crcs, u64::from(crc));
        }
    }

    /// A new element goes in front of its bucket's others, a new bucket in front of everything.
    fn insert(&mut self, hash: u64) {
        let buckets = BUCKETS[self.growth] as u64;
        let same_bucket = self.names.iter().position(|other| other % buckets == hash % buckets);
        self.names.insert(same_bucket.unwrap_or(0), hash);
    }

    pub(crate) fn digits(&self) -> [u8; 40] {
        let names = self.names.iter().fold(0, |seed, &hash| hash_combine(seed, hash));
        let mut digits = [b'0'; 40];
        digits[..20].copy_from_slice(&decimal(names));
        digits[20..].copy_from_slice(&decimal(self.crcs));
        digits
    }
}

fn decimal(mut number: u64) -> [u8; 20] {
    let mut digits = [b'0'; 20];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// `c10::hash_combine`.
fn hash_combine(seed: u64, value: u64) -> u64 {
    seed ^ value.wrapping_add(0x9e37_79b9).wrapping_add(seed << 6).wrapping_add(seed >> 2)
}

/// libstdc++'s 64-bit `std::hash<std::string>`: MurmurHash64A with its fixed seed.
fn hash_bytes(bytes: &[u8]) -> u64 {
    const SEED: u64 = 0xc70f_6907;
    const MUL: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |value: u64| value ^ (value >> 47);
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MUL);
    let (words, tail) = bytes.as_chunks::<8>();
    for &word in words {
        let data = mix(u64::from_le_bytes(word).wrapping_mul(MUL)).wrapping_mul(MUL);
        hash = (hash ^ data).wrapping_mul(MUL);
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MUL);
    }
    mix(mix(hash).wrapping_mul(MUL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(records: &[(&str, Option<u32>)]) -> String {
        let mut id = SerializationId::default();
        records.iter().for_each(|&(name, crc)| id.add(name, crc));
        String::from_utf8(id.digits().to_vec()).unwrap()
    }

    /// As torch 2.9.1 wrote it.
    #[test]
    fn ids_are_torchs() {
        let tensor = [
            ("data.pkl", Some(0x1a5b_cb21)),
            (".format_version", Some(0x83dc_efb7)),
            (".storage_alignment", Some(0xe971_773f)),
            ("byteorder", Some(0x19e3_3d85)),
            ("data/0", Some(0x3ae0_21b3)),
            ("version", Some(0x5567_9ed1)),
        ];
        assert_eq!(id(&tensor), "1572819951185464302603462663886498045492");
    }
}
