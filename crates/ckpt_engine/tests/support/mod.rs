//! Sources, plans and an executor that is too simple to be wrong.
#![allow(dead_code, reason = "every test file uses a part")]

use ckpt_engine::{
    Compute, Control, Error, Options, Plan, Prepared, ReadMode, Report, SystemDisk, execute_on, index_on,
};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

pub mod faulty;
pub mod naive;

/// A plan under construction, with its sources on disk.
pub struct Case {
    pub folder: tempfile::TempDir,
    pub plan: Value,
    /// Bytes of each tensor, by number.
    pub tensors: Vec<Vec<u8>>,
}

impl Case {
    pub fn new() -> Case {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        let plan = json!({
            "version": 2,
            "sources": [],
            "tensors": [],
            "objects": {"state": {"list": [{"tensor": {"dtype": "uint8", "shape": [0], "data": []}}]},
                        "common": {"dict": [["checkpoint_version", {"float": 3.0}], ["iteration", 0]]}},
            "forms": [],
            "keys": [],
            "files": [{"path": "iter_0000000/__0_0.distcp", "rank": 0, "items": []}],
            "metadata": {"path": "iter_0000000/.metadata", "checkpointId": "/out/iter_0000000", "saveId": "id"},
            "share": false,
            "archives": [{"path": "iter_0000000/common.pt", "object": "common"}],
        });
        Case { folder, plan, tensors: Vec::new() }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Adds a source file that holds one tensor behind some bytes of header; returns the tensor's number.
    pub fn tensor(&mut self, dtype: &str, shape: &[u64], bytes: Vec<u8>) -> usize {
        let number = self.tensors.len();
        let path = self.folder.path().join(format!("source-{number}"));
        let begin = 8 + (number * 37) % 5000;
        let mut file = vec![0xee; begin];
        file.extend(&bytes);
        fs::write(&path, &file).unwrap();
        list(&mut self.plan["sources"]).push(json!({"path": path, "bytes": file.len()}));
        list(&mut self.plan["tensors"]).push(json!({
            "name": format!("tensor-{number}"), "source": number, "dtype": dtype, "shape": shape,
            "begin": begin, "end": file.len(),
        }));
        self.tensors.push(bytes);
        number
    }

    /// Adds a key and returns its number.
    pub fn key(&mut self, dtype: &str, shape: &[u64]) -> usize {
        let keys = list(&mut self.plan["keys"]);
        let key = format!("layer.{}.weight", keys.len());
        keys.push(json!({"key": key, "dtype": dtype, "shape": shape}));
        keys.len() - 1
    }

    /// Adds a chunk: `key`, `offsets`, and a form of its own whose copies count the plan's tensors.
    pub fn chunk(&mut self, file: usize, mut chunk: Value) {
        let fields = chunk.as_object_mut().unwrap();
        let (key, offsets) = (fields.remove("key").unwrap(), fields.remove("offsets").unwrap());
        let mut tensors: Vec<u64> = Vec::new();
        let mut position = |number: &mut Value| {
            let tensor = number.as_u64().unwrap();
            let at = tensors.iter().position(|&other| other == tensor);
            *number = json!(at.unwrap_or(tensors.len()));
            tensors.extend(at.is_none().then_some(tensor));
        };
        for copy in list(&mut fields["copies"]) {
            position(&mut copy["tensor"]);
            if let Some(scale) = copy.pointer_mut("/op/scale") {
                position(scale);
            }
        }
        let forms = list(&mut self.plan["forms"]);
        let form = forms.iter().position(|form| *form == chunk).unwrap_or(forms.len());
        if form == forms.len() {
            forms.push(chunk);
        }
        self.item(file, json!({"key": key, "offsets": offsets, "form": form, "tensors": tensors}));
    }

    pub fn item(&mut self, file: usize, item: Value) {
        list(&mut self.plan["files"][file]["items"]).push(item);
    }

    /// A key that is stored as one chunk, filled by copies over `extent`.
    pub fn whole(&mut self, dtype: &str, extent: &[u64], copies: Value) {
        let key = self.key(dtype, extent);
        let offsets = vec![0; extent.len()];
        let item =
            json!({"key": key, "offsets": offsets, "sizes": extent, "extent": extent, "copies": copies});
        self.chunk(0, item);
    }

    pub fn object(&mut self, file: usize, key: &str) {
        self.item(file, json!({"object": "state", "key": key}));
    }

    pub fn decode(&self) -> Result<Plan, serde_json::Error> {
        serde_json::from_value(self.plan.clone())
    }

    pub fn prepare(&self) -> Result<Prepared, Error> {
        Prepared::new(self.decode().unwrap())
    }

    pub fn options(&self) -> Options {
        Options {
            compute: Compute::Cpu,
            root: self.root(),
            rank: None,
            threads: Some(4),
            memory: 64 << 20,
            read_mode: ReadMode::Pread,
            write_mode: None,
            sharing: None,
            sync: false,
            journal: None,
            ready: None,
        }
    }

    pub fn execute(&self, options: &Options) -> Result<Report, Error> {
        self.execute_on(&SystemDisk, options)
    }

    pub fn execute_on(&self, disk: &dyn ckpt_engine::Disk, options: &Options) -> Result<Report, Error> {
        let stop = AtomicBool::new(false);
        let mut control = Control { stop: &stop, on_progress: &mut |_| {} };
        let prepared = self.prepare()?;
        let report = execute_on(disk, &prepared, options, &mut control)?;
        index_on(disk, &prepared, &options.root, options.sync)?;
        Ok(report)
    }

    pub fn file(&self, path: &str) -> Vec<u8> {
        fs::read(self.root().join(path)).unwrap()
    }
}

pub fn list(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().unwrap()
}

/// Bytes without a pattern that a shift would hide.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
