//! A promise settled from another thread.

use crate::threads;
use ckpt_calls::Failure;
use napi::bindgen_prelude::{AbortSignal, Env, Object, ToNapiValue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs `work` on another thread and settles a promise with the text that it returns.
pub fn on_thread<'env>(
    env: &'env Env,
    work: impl FnOnce() -> Result<String, Failure> + Send + 'static,
) -> napi::Result<Object<'env>> {
    settle(env, work, Ok)
}

/// Runs `work` on another thread and settles a promise with what `convert` makes of its result on JavaScript's own. A panic
/// becomes an INTERNAL error: unwinding out of the thread would take the whole process down.
pub fn settle<'env, T: Send + 'static, V: ToNapiValue + 'static>(
    env: &'env Env,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    convert: impl FnOnce(T) -> napi::Result<V> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    threads::run(move || match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => deferred.resolve(move |_| convert(value)),
        Ok(Err(failure)) => deferred.reject(error(failure)),
        Err(panic) => {
            let text =
                panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            deferred.reject(error(Failure::internal(text.unwrap_or("the engine panicked"))));
        }
    })?;
    Ok(promise)
}

fn error(failure: Failure) -> napi::Error {
    napi::Error::from_reason(failure.into_text())
}

/// A flag that is set once the signal fires.
pub fn stopped_by(signal: Option<AbortSignal>) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    if let Some(signal) = signal {
        let stop = Arc::clone(&stop);
        signal.on_abort(move || stop.store(true, Ordering::Relaxed));
    }
    stop
}
