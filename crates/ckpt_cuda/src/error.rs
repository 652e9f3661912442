#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the NVIDIA driver library (libcuda) is not installed")]
    NoDriver,
    #[error("CUDA device {ordinal} does not exist: the driver has {count}")]
    NoDevice { ordinal: usize, count: usize },
    #[error("{call}: {message}")]
    Driver { call: &'static str, message: String },
    #[error("{what} needs {needed} bytes of a device buffer of {capacity}")]
    TooLarge { what: &'static str, needed: usize, capacity: usize },
}

#[cfg(not(target_family = "wasm"))]
impl Error {
    pub(crate) fn driver(call: &'static str) -> impl FnOnce(cudarc::driver::DriverError) -> Error {
        move |error| {
            let name = format!("{:?}", error.0);
            let message = match error.error_string() {
                Ok(text) => format!("{name}: {}", text.to_string_lossy()),
                Err(_) => name,
            };
            Error::Driver { call, message }
        }
    }
}
