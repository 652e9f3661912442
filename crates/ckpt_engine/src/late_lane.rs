//! A lane that puts everything off for as long as its contract lets it: whatever the engine reuses too early, or looks
//! at too early, comes out wrong.

use crate::Error;
use crate::archives::Archives;
use crate::backend::{CpuLane, Lane};
use crate::board::CrcBoard;
use crate::check::{Checked, check};
use crate::fill::{Filler, Task};
use crate::layout::Layout;
use crate::plan::CopyOp;
use crate::scales::Scales;
use crate::segment::Work;
use ckpt_safetensors::{ReadMode, Source};
use ckpt_tensor::{BoxCopy, Dtype, Window, copy_box};
use serde_json::json;
use std::collections::VecDeque;
use std::path::Path;
use std::slice;

const WINDOWS: usize = 2;
const WINDOW: usize = 8 << 10;

struct LateLane {
    queue: VecDeque<Queued>,
    tile: Vec<u8>,
    computed: usize,
    most_behind: usize,
}

type Compute = Box<dyn FnOnce(&[u8], &mut [u8])>;

enum Queued {
    Upload(*const [u8]),
    Convert(*const [u8], Compute),
    Fetch(*mut [u8]),
}

impl LateLane {
    fn new() -> LateLane {
        LateLane { queue: VecDeque::new(), tile: vec![0xaa; 1 << 20], computed: 0, most_behind: 0 }
    }

    fn queued(&self, is: impl Fn(&Queued) -> bool) -> usize {
        self.queue.iter().filter(|queued| is(queued)).count()
    }

    fn advance(&mut self) {
        match self.queue.pop_front() {
            // SAFETY: the contract of `begin`, of `convert` and of `fetch`, here and below.
            Some(Queued::Upload(from)) => unsafe { self.tile[..from.len()].copy_from_slice(&*from) },
            Some(Queued::Convert(window, compute)) => {
                // SAFETY: as above.
                compute(unsafe { &*window }, &mut self.tile);
                self.computed += 1;
            }
            Some(Queued::Fetch(out)) => {
                // SAFETY: as above.
                let out = unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), out.len()) };
                out.copy_from_slice(&self.tile[..out.len()]);
                self.tile.fill(0xaa);
            }
            None => {}
        }
    }
}

impl Lane for &mut LateLane {
    fn tile(&self) -> usize {
        2 * WINDOW
    }

    fn computes_apart(&self, _: usize, op: Option<&CopyOp>, _: Dtype, _: Dtype, _: &BoxCopy) -> bool {
        !matches!(op, Some(CopyOp::MinusOne))
    }

    unsafe fn begin(&mut self, target: &[u8]) -> Result<(), Error> {
        self.queue.push_back(Queued::Upload(target));
        Ok(())
    }

    unsafe fn convert(
        &mut self,
        task: &Task,
        scales: &Scales,
        window: Window,
        target: &mut [u8],
        piece: &BoxCopy,
    ) -> Result<(), Error> {
        if !task.apart {
            // SAFETY: as for the caller.
            return unsafe { CpuLane.convert(task, scales, window, target, piece) };
        }
        let size = task.to.size().unwrap_or(1);
        let scales = scales.values().to_vec();
        let (from, to, begin) = (task.from, task.to, task.begin);
        let (origin, bytes, piece) = (window.origin, window.bytes, piece.clone());
        let block = match task.op {
            Some(&CopyOp::DequantBlock { block, columns, .. }) => Some((block, columns)),
            _ => None,
        };
        let first_row = block.map_or(0, |(block, columns)| piece.source / columns / block[0]);
        let reach = (piece.target - begin + piece.target_span()) as usize * size;
        self.queue.push_back(Queued::Convert(
            bytes,
            Box::new(move |bytes, tile| {
                let kernel = match block {
                    Some((block, columns)) => ckpt_tensor::Kernel::Block(ckpt_tensor::dequant::Block {
                        target: ckpt_tensor::dequant::Target::new(to).unwrap(),
                        columns,
                        block,
                        scales: &scales,
                        first_row,
                    }),
                    None => ckpt_tensor::Kernel::new(from, to, ckpt_tensor::Op::None).unwrap(),
                };
                copy_box(&kernel, Window { bytes, origin }, &mut tile[..reach], begin, &piece);
            }),
        ));
        while self.queued(|queued| matches!(queued, Queued::Convert(..))) >= WINDOWS {
            self.advance();
        }
        Ok(())
    }

    unsafe fn fetch(&mut self, target: &mut [u8]) -> Result<(), Error> {
        self.queue.push_back(Queued::Fetch(target));
        let behind = self.queued(|queued| matches!(queued, Queued::Fetch(_)));
        self.most_behind = self.most_behind.max(behind);
        Ok(())
    }

    fn finish(&mut self, left: usize) -> Result<(), Error> {
        while self.queued(|queued| matches!(queued, Queued::Fetch(_))) > left {
            self.advance();
        }
        Ok(())
    }
}

/// A cast, a transposed cast, one with padding, an interleaved copy, float8 with scales, and one that the lane refuses.
fn plan(source: &Path, bytes: usize) -> Checked {
    let whole = json!([{"tensor": 0, "start": [0, 0], "size": [300, 200], "offset": 0, "strides": [200, 1]}]);
    let forms = [
        (json!([300, 200]), whole),
        (
            json!([200, 300]),
            json!([{"tensor": 0, "start": [0, 0], "size": [200, 300], "offset": 0, "strides": [1, 200]}]),
        ),
        (
            json!([310, 200]),
            json!([{"tensor": 0, "start": [3, 0], "size": [300, 200], "offset": 0, "strides": [200, 1]}]),
        ),
        (
            json!([600, 100]),
            json!([{"tensor": 0, "start": [0, 0], "size": [600, 100], "offset": 0, "strides": [1, 600]}]),
        ),
        (
            json!([256, 192]),
            json!([{"tensor": 1, "start": [0, 0], "size": [256, 192], "offset": 0, "strides": [192, 1],
                    "op": {"kind": "dequant_block", "scale": 2, "block": [64, 64], "columns": 192}}]),
        ),
        (
            json!([300, 200]),
            json!([{"tensor": 0, "start": [0, 0], "size": [300, 200], "offset": 0, "strides": [200, 1],
                    "op": {"kind": "minus_one"}}]),
        ),
    ];
    let dtypes = ["bfloat16", "bfloat16", "float32", "float32", "bfloat16", "bfloat16"];
    let keys = forms.iter().zip(dtypes).enumerate().map(|(number, ((shape, _), dtype))| {
        json!({"key": format!("layer.{number}.weight"), "dtype": dtype, "shape": shape})
    });
    let items = (0..forms.len())
        .map(|number| json!({"key": number, "offsets": [0, 0], "form": number, "tensors": [0, 1, 2]}));
    let (items, keys): (Vec<_>, Vec<_>) = (items.collect(), keys.collect());
    let forms = forms
        .iter()
        .map(|(shape, copies)| json!({"sizes": shape, "extent": shape, "copies": copies, "fill": "one"}));
    let plan = json!({
        "version": 2,
        "sources": [{"path": source, "bytes": bytes}],
        "tensors": [
            {"name": "f32", "source": 0, "dtype": "F32", "shape": [300, 200], "begin": 0, "end": 240_000},
            {"name": "f8", "source": 0, "dtype": "F8_E4M3", "shape": [256, 192], "begin": 240_000, "end": 289_152},
            {"name": "scale", "source": 0, "dtype": "F32", "shape": [4, 3], "begin": 289_152, "end": 289_200},
        ],
        "objects": {"common": {"dict": []}},
        "forms": forms.collect::<Vec<_>>(),
        "keys": keys,
        "files": [{"path": "__0_0.distcp", "rank": 0, "items": items}],
        "metadata": {"path": ".metadata", "checkpointId": "/out", "saveId": "id"},
        "share": false,
        "archives": [{"path": "common.pt", "object": "common"}],
    });
    check(serde_json::from_value(plan).unwrap()).unwrap()
}

fn file(checked: &Checked, mut filler: Filler) -> Vec<u8> {
    let layout = Layout::new(checked).unwrap();
    let mut out = vec![0; layout.files[0].bytes as usize];
    let work = Work {
        checked,
        file: 0,
        layout: &layout.files[0],
        board: &CrcBoard::default(),
        progress: &|_| Ok(()),
    };
    work.fill(&mut filler, &mut Archives::default(), 0, &mut out).unwrap();
    out
}

#[test]
fn a_lane_that_is_late_gives_the_bytes_of_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    let values = (0..60_000u32).map(|i| i as f32 * 0.37 - 9000.0).flat_map(f32::to_le_bytes);
    let codes = (0..256 * 192u32).map(|i| (i * 7 % 251) as u8);
    let scales = (0..12).map(|i| 0.5 + i as f32).flat_map(f32::to_le_bytes);
    let bytes: Vec<u8> = values.chain(codes).chain(scales).collect();
    std::fs::write(&path, &bytes).unwrap();
    let checked = plan(&path, bytes.len());
    for mode in [ReadMode::Pread, ReadMode::Direct] {
        let sources = [Source::open(&path, bytes.len() as u64, mode).unwrap()];
        let expected = file(&checked, Filler::on_cpu(&checked, &sources, WINDOW));
        let mut late = LateLane::new();
        let filler = Filler::new(&checked, &sources, WINDOW, WINDOWS, Box::new(&mut late));
        let found = file(&checked, filler);
        assert_eq!(found.iter().zip(&expected).position(|(a, b)| a != b), None);
        assert!(late.computed > 100 && late.most_behind == WINDOWS);
    }
}
