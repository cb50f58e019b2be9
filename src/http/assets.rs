//! Where `templates/` and `static/` are (decision: they stay files on disk).

use std::fs;
use std::path::{Path, PathBuf};

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web;
use tera::Tera;

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
            let share = beside.and_then(Path::parent).map(|prefix| prefix.join("share").join("provisor"));
            let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            beside.map(Path::to_owned).into_iter().chain(share).chain([source]).collect()
        }
    };
    let complete = |place: &&PathBuf| place.join("templates").is_dir() && place.join("static").is_dir();
    places.iter().find(complete).cloned().ok_or_else(|| {
        AssetsError(places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", "))
    })
}

/// Loads all templates, named by their path below `templates`.
///
/// # Errors
/// When one is no template.
pub fn load_templates(assets: &Path) -> Result<Tera, tera::Error> {
    let root = assets.join("templates");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut templates = Tera::default();
    templates.add_template_files(files.iter().map(|file| {
        let name = file.strip_prefix(&root).unwrap_or(file).to_string_lossy().into_owned();
        (file, Some(name))
    }))?;
    Ok(templates)
}

/// `/static`: pages name each file with the version in its URL, so that browsers may keep it for ever.
pub(super) fn routes(assets: &Path) -> impl HttpServiceFactory + use<> {
    web::scope("/static")
        .wrap(
            DefaultHeaders::new()
                .add((CACHE_CONTROL, "public, max-age=31536000, immutable"))
                .add((X_CONTENT_TYPE_OPTIONS, "nosniff")),
        )
        .service(actix_files::Files::new("", assets.join("static")))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            files.push(path);
        }
    }
}
