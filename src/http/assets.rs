//! Where `templates/` and `static/` are (decision: they stay files on disk).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use actix_web::dev::HttpServiceFactory;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web;
use tera::Tera;

/// Why there are no pages.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// There is no assets directory.
    #[error("no directory with 'templates' and 'static' in: {0}; name it by --assets-dir or PROVISOR_ASSETS_DIR")]
    Missing(String),
    /// A part of it cannot be read.
    #[error("{path} cannot be read by the user who runs provisor: {source}", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is nothing to make pages of.
    #[error("there is no template in {0}")]
    Empty(PathBuf),
    /// A template is none.
    #[error("templates: {0}")]
    Template(#[from] tera::Error),
}

/// Finds the directory: the one named, else beside the executable, else in `../share/provisor`, else the source tree.
///
/// # Errors
/// [`AssetsError::Missing`] with the places that were looked at.
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
    let mut looked_at = Vec::new();
    for place in places {
        match is_complete(&place) {
            Ok(true) => return Ok(place),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                looked_at.push(format!("{} ({error})", place.display()));
            }
            Ok(false) | Err(_) => looked_at.push(place.display().to_string()),
        }
    }
    Err(AssetsError::Missing(looked_at.join(", ")))
}

fn is_complete(place: &Path) -> io::Result<bool> {
    Ok(fs::metadata(place.join("templates"))?.is_dir() && fs::metadata(place.join("static"))?.is_dir())
}

/// Loads all templates, named by their path below `templates`, and sees to it that what is in `static` can be read as well.
///
/// # Errors
/// [`AssetsError`] that names the directory or the file.
pub fn load_templates(assets: &Path) -> Result<Tera, AssetsError> {
    let root = assets.join("templates");
    let mut files = readable_files(&root)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "html"));
    if files.is_empty() {
        return Err(AssetsError::Empty(root));
    }
    let mut templates = Tera::default();
    templates.add_template_files(files.iter().map(|file| {
        let name = file.strip_prefix(&root).unwrap_or(file).to_string_lossy().into_owned();
        (file, Some(name))
    }))?;
    readable_files(&assets.join("static"))?;
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

/// The files in a directory and below, each of which can be opened.
fn readable_files(directory: &Path) -> Result<Vec<PathBuf>, AssetsError> {
    let failed = |path: &Path, source| AssetsError::Unreadable { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(|source| failed(directory, source))? {
        let path = entry.map_err(|source| failed(directory, source))?.path();
        if path.is_dir() {
            files.extend(readable_files(&path)?);
        } else {
            File::open(&path).map_err(|source| failed(&path, source))?;
            files.push(path);
        }
    }
    Ok(files)
}
