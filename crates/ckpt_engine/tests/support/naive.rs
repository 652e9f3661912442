//! What a file must hold, element by element, without segments, runs or threads.

use super::Case;
use ckpt_tensor::{BoxCopy, Dtype, Kernel, Op, Window, copy_box};
use ckpt_torch_dist::{PayloadPhase, TensorItem, TorchDtype};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

fn form<'c>(case: &'c Case, item: &Value) -> &'c Value {
    &case.plan["forms"][item["form"].as_u64().unwrap() as usize]
}

/// The payload of a tensor item.
pub fn payload(case: &Case, item: &Value) -> Vec<u8> {
    let key = &case.plan["keys"][item["key"].as_u64().unwrap() as usize];
    let to = Dtype::from_torch(key["dtype"].as_str().unwrap()).unwrap();
    let size = to.size().unwrap();
    let form = form(case, item);
    let extent = numbers(&form["extent"]);
    let elements = extent.iter().product::<u64>() as usize;
    let mut out = match form["fill"].as_str() {
        Some("one") => to.one().unwrap().repeat(elements),
        _ => vec![0; elements * size],
    };
    for copy in form["copies"].as_array().unwrap() {
        let tensor = numbers(&item["tensors"])[copy["tensor"].as_u64().unwrap() as usize] as usize;
        let from = Dtype::from_safetensors(case.plan["tensors"][tensor]["dtype"].as_str().unwrap()).unwrap();
        let op = match copy["op"]["kind"].as_str() {
            None => Op::None,
            Some("plus_one") => Op::PlusOne,
            Some(_) => Op::MinusOne,
        };
        let kernel = Kernel::new(from, to, op).unwrap();
        let (start, count, strides) =
            (numbers(&copy["start"]), numbers(&copy["size"]), numbers(&copy["strides"]));
        for index in 0..count.iter().product::<u64>() {
            let (mut rest, mut source, mut target) = (index, copy["offset"].as_u64().unwrap(), 0);
            let mut step = 1;
            for axis in (0..extent.len()).rev() {
                let at = rest % count[axis];
                rest /= count[axis];
                source += at * strides[axis];
                target += (start[axis] + at) * step;
                step *= extent[axis];
            }
            let window = Window { bytes: &case.tensors[tensor], origin: 0 };
            copy_box(&kernel, window, &mut out, 0, &BoxCopy { source, target, dims: vec![] });
        }
    }
    out
}

/// A whole `.distcp` file.
pub fn file(case: &Case, number: usize, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in case.plan["files"][number]["items"].as_array().unwrap() {
        if item["key"].is_string() {
            out.extend(object);
            continue;
        }
        let key = &case.plan["keys"][item["key"].as_u64().unwrap() as usize];
        let dtype = TorchDtype::from_name(key["dtype"].as_str().unwrap()).unwrap();
        let phase = PayloadPhase { modulus: 64, residue: 0 };
        let archive =
            TensorItem::new(dtype, &numbers(&form(case, item)["sizes"]), out.len() as u64, Some(phase))
                .unwrap();
        let payload = payload(case, item);
        out.extend(archive.prefix());
        out.extend(&payload);
        out.extend(archive.trailer(crc32fast::hash(&payload)));
    }
    out
}
