//! What the targets share.

/// A zip archive of stored records: a shell for inputs that are to reach what is inside.
pub fn archive(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, data) in records {
        let offset = out.len() as u32;
        let mut fields = Vec::new();
        fields.extend([0u16; 5].map(u16::to_le_bytes).concat());
        fields.extend(crc32fast::hash(data).to_le_bytes());
        fields.extend((data.len() as u32).to_le_bytes().repeat(2));
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend(0u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size, count) = (out.len() as u32, directory.len() as u32, records.len() as u16);
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes().repeat(2));
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

#[cfg(test)]
mod tests {
    use ckpt_torch_dist::{Globals, Value, load_object};

    #[test]
    fn the_shell_is_an_archive() {
        let archive = super::archive(&[("archive/data.pkl", b"\x80\x02N."), ("archive/data/0", &[1; 64])]);
        assert_eq!(load_object(&archive, Globals::Plain).unwrap(), Value::None);
    }
}
