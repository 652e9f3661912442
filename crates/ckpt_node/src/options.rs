//! What JavaScript asks an execution for.

use napi_derive::napi;

#[napi(object)]
pub struct BindingExecuteOptions {
    pub root: String,
    pub rank: Option<u32>,
    pub threads: Option<u32>,
    /// Bytes for buffers.
    pub memory: Option<f64>,
    pub read_mode: Option<String>,
    pub write_mode: Option<String>,
    /// How unchanged blocks are taken over from the source.
    pub zero_copy: Option<String>,
    /// `cpu`, `auto`, or GPUs as `cuda:0,1`.
    pub compute: Option<String>,
    pub sync: Option<bool>,
    /// File of the journal, relative to the root; needs `digest`.
    pub journal: Option<String>,
    /// Identity of the plan.
    pub digest: Option<String>,
    /// Numbers of the sources that can be read now; all when absent.
    pub ready: Option<Vec<u32>>,
}

impl From<BindingExecuteOptions> for ckpt_calls::ExecuteOptions {
    fn from(options: BindingExecuteOptions) -> Self {
        let BindingExecuteOptions {
            root,
            rank,
            threads,
            memory,
            read_mode,
            write_mode,
            zero_copy,
            compute,
            sync,
            journal,
            digest,
            ready,
        } = options;
        ckpt_calls::ExecuteOptions {
            root,
            rank,
            threads,
            memory,
            read_mode,
            write_mode,
            zero_copy,
            compute,
            sync,
            journal,
            digest,
            ready,
        }
    }
}

#[napi(object)]
pub struct BindingProgress {
    pub done: f64,
    pub total: f64,
    pub key: Option<String>,
}
