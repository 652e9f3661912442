//! A promise settled from a thread of its own.

use crate::error::Failure;
use napi::bindgen_prelude::{Env, Object, ToNapiValue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// Runs `work` on a new thread and settles a promise with the text that it returns.
pub fn on_thread<'env>(
    env: &'env Env,
    work: impl FnOnce() -> Result<String, Failure> + Send + 'static,
) -> napi::Result<Object<'env>> {
    settle(env, work, Ok)
}

/// Runs `work` on a new thread and settles a promise with what `convert` makes of its result on JavaScript's own. A panic
/// becomes an INTERNAL error: unwinding out of the thread would take the whole process down.
pub fn settle<'env, T: Send + 'static, V: ToNapiValue + 'static>(
    env: &'env Env,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    convert: impl FnOnce(T) -> napi::Result<V> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    thread::Builder::new().name("nemotron".into()).spawn(move || {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(value)) => deferred.resolve(move |_| convert(value)),
            Ok(Err(failure)) => deferred.reject(failure.into_napi()),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or(panic.downcast_ref::<&str>().copied());
                deferred.reject(Failure::internal(text.unwrap_or("the engine panicked")).into_napi());
            }
        }
    })?;
    Ok(promise)
}
