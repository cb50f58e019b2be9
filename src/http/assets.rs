//! Where `templates/` and `static/` are (decision: they stay files on disk).

use std::path::{Path, PathBuf};

/// There is no assets directory.
#[derive(Debug, thiserror::Error)]
#[error("no directory with 'templates' and 'static' in: {0}; name it by --assets-dir or PROVISOR_ASSETS_DIR")]
pub struct AssetsError(String);

/// Finds the directory: the one named, else beside the executable, else in `../share/provisor`, else the source tree.
///
/// # Errors
/// [`AssetsError`] with the places that were looked at.
pub fn find(named: Option<&Path>) -> Result<PathBuf, AssetsError> {
    let places = match named {
        Some(named) => vec![named.to_owned()],
        None => {
            let executable = std::env::current_exe().ok();
            let beside = executable.as_deref().and_then(Path::parent);
            let share = beside
                .and_then(Path::parent)
                .map(|prefix| prefix.join("share").join("provisor"));
            let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            beside
                .map(Path::to_owned)
                .into_iter()
                .chain(share)
                .chain([source])
                .collect()
        }
    };
    let complete = |place: &&PathBuf| place.join("templates").is_dir() && place.join("static").is_dir();
    places.iter().find(complete).cloned().ok_or_else(|| {
        AssetsError(
            places
                .iter()
                .map(|place| place.display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        )
    })
}
