//! Errors cross as data: a JSON text of code, message and facts.

use serde_json::json;

/// What a call's promise is rejected with.
pub struct Failure(String);

impl Failure {
    pub fn internal(message: &str) -> Self {
        Failure(json!({ "code": "INTERNAL", "message": message, "facts": {} }).to_string())
    }

    pub fn option(option: &str, found: &str, choices: &str) -> Self {
        let message = format!("{option} is {found:?}: expected one of {choices}");
        let facts = json!({ "option": option, "found": found, "choices": choices });
        Failure(json!({ "code": "OPTION_INVALID", "message": message, "facts": facts }).to_string())
    }

    pub fn into_text(self) -> String {
        self.0
    }
}

impl From<ckpt_engine::Error> for Failure {
    fn from(error: ckpt_engine::Error) -> Self {
        Failure(
            json!({ "code": error.code(), "message": error.to_string(), "facts": error.facts() }).to_string(),
        )
    }
}
