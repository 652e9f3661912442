//! What the host asks: one JSON object on the first line of a request.

use ckpt_calls::{ExecuteOptions, SmallFile};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    Inspect {
        paths: Vec<String>,
    },
    /// The plan follows on the next line.
    LoadPlan,
    DropPlan {
        plan: u32,
    },
    PlanFiles {
        plan: u32,
    },
    PlanBuffers {
        plan: u32,
        threads: Option<u32>,
        memory: Option<f64>,
        compute: Option<String>,
    },
    IndexPlan {
        plan: u32,
        root: String,
        sync: bool,
    },
    HashWholeFiles {
        paths: Vec<String>,
    },
    WriteSmallFiles {
        root: String,
        files: Vec<SmallFile>,
    },
    SyncAllOf {
        files: Vec<String>,
        folders: Vec<String>,
    },
    RunPlan {
        plan: u32,
        options: ExecuteOptions,
    },
    VerifyCheckpoint {
        dir: String,
        payloads: bool,
        plan: Option<u32>,
        sampled: bool,
    },
    VerifyPlanFiles {
        plan: u32,
        root: String,
        payloads: bool,
    },
    VerifyWrittenPlan {
        plan: u32,
        root: String,
    },
    CheckpointPlan {
        dir: String,
        prefixes: Vec<String>,
    },
    InspectCheckpoint {
        dir: String,
    },
    BeyondBfloat16 {
        dir: String,
        keys: Vec<String>,
    },
    InspectTensor {
        dir: String,
        key: String,
    },
    InspectSourceTensor {
        path: String,
        name: String,
    },
}
