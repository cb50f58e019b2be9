//! A QR code as one path of an SVG.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};
use serde_json::{Value, json};

use super::error::PageError;

/// Light modules around the code, without which it is not read (ISO/IEC 18004 section 9.1).
const QUIET_ZONE: usize = 4;

/// The size of the code with its margin, and the path of its dark modules, each of size 1.
///
/// # Errors
/// When the text is too long for any code.
pub(in crate::http) fn qr(text: &str) -> Result<Value, PageError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(PageError::fault)?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|left, right| left == right) {
            if run[0] == Color::Dark {
                // Writing to a string does not fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET_ZONE, y + QUIET_ZONE, run.len(), run.len());
            }
            x += run.len();
        }
    }
    Ok(json!({"size": width + 2 * QUIET_ZONE, "path": path}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_begins_with_the_upper_edge_of_its_finders() {
        let drawn = qr("otpauth://totp/provisor:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let path = drawn["path"].as_str().unwrap();
        let size = drawn["size"].as_u64().unwrap();
        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
        assert!(path.contains(&format!("M{} 4h7v1h-7z", size - 4 - 7)));
        assert!(path.bytes().all(|byte| byte.is_ascii_digit() || b"Mhvz -".contains(&byte)));
        assert!(qr(&"x".repeat(10_000)).is_err());
    }
}
