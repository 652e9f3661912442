//! Small Python values in the plan's JSON.

use crate::Error;
use ckpt_torch_dist::{TorchDtype, Value};
use serde_json::Value as Json;

/// Nesting beyond this is not a checkpoint's object.
const MAX_DEPTH: usize = 32;

/// The value that a plan's JSON stands for: scalars as they are, `{"float": …}`, `{"list": […]}`, `{"tuple": […]}`,
/// `{"dict": [[key, value], …]}`, `{"tensor": {dtype, shape, data}}`.
pub fn decode(json: &Json) -> Result<Value, Error> {
    at_depth(json, 0)
}

/// The bytes of an object that another checkpoint has stored, given in hexadecimal: `{"stored": "8002…"}`.
pub fn stored(json: &Json) -> Result<Option<Vec<u8>>, Error> {
    let Some(text) = json.get("stored") else { return Ok(None) };
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let bytes =
        text.as_str().map(str::as_bytes).filter(|text| text.len().is_multiple_of(2)).and_then(|text| {
            text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
        });
    bytes.map(Some).ok_or_else(|| Error::Plan("stored object is not hexadecimal".into()))
}

fn at_depth(json: &Json, depth: usize) -> Result<Value, Error> {
    let fault = |what: &str| Error::Plan(format!("object value {what}: {json}"));
    if depth > MAX_DEPTH {
        return Err(Error::Plan(format!("object value nested deeper than {MAX_DEPTH}")));
    }
    let all = |list: &Json| -> Result<Vec<Value>, Error> {
        let list = list.as_array().ok_or_else(|| fault("is not a list"))?;
        list.iter().map(|item| at_depth(item, depth + 1)).collect()
    };
    match json {
        Json::Null => Ok(Value::None),
        Json::Bool(value) => Ok(Value::Bool(*value)),
        Json::String(text) => Ok(Value::Str(text.clone())),
        Json::Number(number) => number.as_i64().map(Value::Int).ok_or_else(|| fault("is not an integer")),
        Json::Array(_) => Err(fault("is a bare list")),
        Json::Object(map) => match map.iter().next() {
            Some((kind, inner)) if map.len() == 1 => match kind.as_str() {
                "float" => float(inner).map(Value::Float).ok_or_else(|| fault("is not a float")),
                "list" => Ok(Value::List(all(inner)?)),
                "tuple" => Ok(Value::Tuple(all(inner)?)),
                "dict" => {
                    let pairs = inner.as_array().ok_or_else(|| fault("has no pairs"))?;
                    let pair = |pair: &Json| match pair.as_array().map(Vec::as_slice) {
                        Some([key, value]) => Ok((at_depth(key, depth + 1)?, at_depth(value, depth + 1)?)),
                        _ => Err(fault("has an entry that is not a pair")),
                    };
                    Ok(Value::Dict(pairs.iter().map(pair).collect::<Result<_, _>>()?))
                }
                "tensor" => tensor(inner).ok_or_else(|| fault("is not a tensor")),
                _ => Err(fault("has an unknown kind")),
            },
            _ => Err(fault("is not of one kind")),
        },
    }
}

fn float(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => match text.as_str() {
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            "nan" => Some(f64::NAN),
            _ => None,
        },
        _ => None,
    }
}

fn tensor(json: &Json) -> Option<Value> {
    let dtype = TorchDtype::from_name(json.get("dtype")?.as_str()?).ok()?;
    let shape: Vec<u64> = json.get("shape")?.as_array()?.iter().map(Json::as_u64).collect::<Option<_>>()?;
    let elements = json.get("data")?.as_array()?;
    let mut data = Vec::new();
    for element in elements {
        match dtype {
            TorchDtype::Bool | TorchDtype::UInt8 | TorchDtype::Int8 => data.push(element.as_i64()? as u8),
            TorchDtype::Int32 => data.extend(i32::try_from(element.as_i64()?).ok()?.to_le_bytes()),
            TorchDtype::Int64 => data.extend(element.as_i64()?.to_le_bytes()),
            TorchDtype::Float32 => data.extend((element.as_f64()? as f32).to_le_bytes()),
            _ => return None,
        }
    }
    (dtype.bytes_of(&shape).ok()? == data.len() as u64).then_some(Value::Tensor { dtype, shape, data })
}
