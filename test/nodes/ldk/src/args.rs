//! Reading the arguments of a command; every mistake is answered in words.

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin::secp256k1::PublicKey;
use serde_json::Value;

pub type Answer = Result<Value, String>;

pub struct Args<'a>(pub &'a Value);

impl<'a> Args<'a> {
    pub fn optional(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("give `{name}`: it is missing or of the wrong kind"))
    }

    pub fn maybe_text(&self, name: &str) -> Option<&'a str> {
        self.optional(name).and_then(Value::as_str)
    }

    pub fn text(&self, name: &str) -> Result<&'a str, String> {
        self.required(name, self.maybe_text(name))
    }

    /// Amounts come as decimal strings, since they may not fit a JSON number of the other side.
    pub fn maybe_number(&self, name: &str) -> Option<u64> {
        let value = self.optional(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    pub fn number(&self, name: &str) -> Result<u64, String> {
        self.required(name, self.maybe_number(name))
    }

    pub fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.optional(name)
            .and_then(Value::as_bool)
            .unwrap_or(otherwise)
    }

    pub fn list(&self, name: &str) -> Result<&'a Vec<Value>, String> {
        self.required(name, self.optional(name).and_then(Value::as_array))
    }

    pub fn maybe_bytes(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match self.maybe_text(name) {
            None => Ok(None),
            Some(text) => from_hex(text).map(Some),
        }
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        from_hex(self.text(name)?)
    }

    pub fn bytes32(&self, name: &str) -> Result<[u8; 32], String> {
        self.bytes(name)?
            .try_into()
            .map_err(|_| format!("`{name}` has to have 32 bytes"))
    }

    pub fn point(&self, name: &str) -> Result<PublicKey, String> {
        point(self.text(name)?)
    }
}

pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    Vec::from_hex(text).map_err(|error| format!("not hex: {error}"))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.to_lower_hex_string()
}

pub fn point(text: &str) -> Result<PublicKey, String> {
    text.parse()
        .map_err(|error| format!("not a node id: {error}"))
}

/// An error of LDK in words.
pub fn said(error: impl std::fmt::Debug) -> String {
    format!("LDK refuses: {error:?}")
}
