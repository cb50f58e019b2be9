//! Exports: entries of the present filter, the oldest of them last, made while they are sent. The last line says how many there
//! are, what the lines above it hash to, and where the chain ended.

use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{self, Bytes};
use chrono::{SecondsFormat, Utc};
use futures_util::stream;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::query::Query;
use crate::audit::{Action, AuditEvent, Outcome, Target};
use crate::auth::Caller;
use crate::chain::{checkpoint, to_hex};
use crate::http::admin::administrator::Administrator;
use crate::http::pages::{Form, PageError, Problem};
use crate::http::scim::transfer::{self, CutOff, PIECE_BYTES, Patience};
use crate::http::{AppState, blocking};
use crate::store::{AuditFilter, AuditRow, AuditStart, ChainRow, SealRow};

/// Entries of one export at most.
const MOST: usize = 1_000_000;
/// Entries that are read at a time, at most.
const ROWS: i64 = 1_000;
/// Exports may be slow: somebody looks at a progress bar.
const PATIENCE: Patience = Patience { piece: transfer::PIECE_TIMEOUT, whole: transfer::EXPORT_TIMEOUT };
/// The columns, and the names of the members.
const COLUMNS: [&str; 16] = [
    "seq",
    "time",
    "id",
    "action",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_name",
    "target_type",
    "target_id",
    "before",
    "after",
    "detail",
    "request_id",
    "address",
    "hash",
];

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// `POST /admin/audit/export.csv`
pub(super) async fn csv(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    export(app, administrator, form, Format::Csv).await
}

/// `POST /admin/audit/export.jsonl`
pub(super) async fn json_lines(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
) -> Result<HttpResponse, PageError> {
    export(app, administrator, form, Format::JsonLines).await
}

async fn export(
    app: web::Data<AppState>,
    administrator: Administrator,
    form: Form,
    format: Format,
) -> Result<HttpResponse, PageError> {
    let query = Query::of(form.fields());
    let filter = query.filter().map_err(|_| {
        PageError::new(Problem::NotFound)
            .saying("The filter is not one that can be searched for. Nothing was exported.")
    })?;
    let permit = blocking::permit(&app.exports).await?;
    let caller = query.caller(&administrator);
    let (given, by) = (query.given(), caller.clone());
    let chain = blocking::run(&app, move |app| {
        let event = AuditEvent::new(Action::AuditExport, Target::new("AuditLog", by.principal.tenant()))
            .after(json!({"format": format.name(), "filter": given}));
        app.store.run(&by, |tenant| tenant.record(&event))?;
        checkpoint(&app.store, &app.keys, &app.checkpoints)?;
        app.store.read(&by, |tenant| tenant.audit_chain()).map_err(PageError::from)
    })
    .await?;
    let place = if query.is_of_no_tenant(&administrator) { "no-tenant" } else { &administrator.tenant.name };
    let place: String = place.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let name = format!("audit-{place}-{}.{}", Utc::now().format("%Y-%m-%dT%H%M%SZ"), format.name());
    let source = Source {
        app,
        caller,
        filter,
        format,
        chain,
        start: Some(AuditStart::Newest),
        rows: 0,
        hash: Sha256::new(),
        stage: Stage::Head,
        made: Bytes::new(),
    };
    let pieces = stream::unfold(source, |mut source| async move {
        let piece = source.next().await?;
        Some((piece, source))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format.media_type()))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(transfer::stream(Box::pin(pieces), permit, PATIENCE)))
}

/// What comes next.
enum Stage {
    Head,
    Rows,
    Over,
}

/// An export under way.
struct Source {
    app: web::Data<AppState>,
    caller: Caller,
    filter: AuditFilter,
    format: Format,
    chain: Option<ChainRow>,
    /// Where the next entries begin; `None` where there are no more.
    start: Option<AuditStart>,
    rows: usize,
    hash: Sha256,
    stage: Stage,
    /// What is made and not sent.
    made: Bytes,
}

impl Source {
    /// The next piece. A slow client has time for each.
    async fn next(&mut self) -> Option<Result<Bytes, CutOff>> {
        while self.made.is_empty() {
            match self.make().await? {
                Ok(text) => self.made = text,
                Err(cut_off) => return Some(Err(cut_off)),
            }
        }
        Some(Ok(self.made.split_to(self.made.len().min(PIECE_BYTES))))
    }

    async fn make(&mut self) -> Option<Result<Bytes, CutOff>> {
        let text = match self.stage {
            Stage::Head => {
                self.stage = Stage::Rows;
                // JSON has no line of names.
                if self.format == Format::Csv { csv_line(COLUMNS.into_iter()) } else { String::new() }
            }
            Stage::Rows if self.start.is_some() && self.rows < MOST => match self.entries().await {
                Ok(text) => text,
                Err(cut_off) => return Some(Err(cut_off)),
            },
            Stage::Rows => {
                self.stage = Stage::Over;
                return Some(Ok(Bytes::from(self.last_line())));
            }
            Stage::Over => return None,
        };
        self.hash.update(text.as_bytes());
        Some(Ok(Bytes::from(text)))
    }

    /// The next entries, as text. Where they cannot be read the export breaks off, so that nobody takes a part for the whole.
    async fn entries(&mut self) -> Result<String, CutOff> {
        let Some(start) = self.start else {
            return Ok(String::new());
        };
        let (caller, filter, format) = (self.caller.clone(), self.filter.clone(), self.format);
        let read = blocking::run_long_for(&self.app, caller.principal.tenant(), move |app| {
            let (page, seals) = app.store.read(&caller, |tenant| {
                let page = tenant.audit_export(&filter, start, ROWS)?;
                let ids: Vec<_> = page.rows.iter().map(|row| row.id).collect();
                let seals = tenant.seals_of(&ids)?;
                Ok::<_, PageError>((page, seals))
            })?;
            let seals: HashMap<_, _> = seals.iter().map(|seal| (seal.event_id, seal)).collect();
            let text: String = page.rows.iter().map(|row| format.line(row, seals.get(&row.id).copied())).collect();
            Ok::<_, PageError>((text, page.rows.len(), page.older))
        })
        .await;
        let (text, rows, older) = read.map_err(|error| {
            log::error!("an export of the audit log broke off: {error}");
            CutOff
        })?;
        self.start = older.map(AuditStart::OlderThan);
        self.rows += rows;
        Ok(text)
    }

    fn last_line(&self) -> String {
        let (rows, sha256) = (self.rows, to_hex(&self.hash.clone().finalize()));
        let is_complete = self.start.is_none();
        let head = self.chain.as_ref();
        match self.format {
            Format::Csv => {
                let head = head.map_or_else(|| "none".into(), |chain| format!("{}:{}", chain.seq, to_hex(&chain.hash)));
                let complete = if is_complete { "complete" } else { "cut off at the limit" };
                csv_line(
                    [format!("# {rows} entries, {complete}; chain head {head}; sha256 of the lines above {sha256}")]
                        .iter()
                        .map(String::as_str),
                )
            }
            Format::JsonLines => {
                let head = head.map(|chain| json!({"seq": chain.seq, "hash": to_hex(&chain.hash)}));
                let export = json!({"entries": self.rows, "complete": is_complete, "head": head, "sha256": sha256});
                format!("{}\n", json!({"export": export}))
            }
        }
    }
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/jsonl; charset=utf-8",
        }
    }

    fn line(self, row: &AuditRow, seal: Option<&SealRow>) -> String {
        let outcome = Action::parse(&row.action).map_or(Outcome::Done, Action::outcome).name();
        let time = row.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let values: [Value; COLUMNS.len()] = [
            seal.map(|seal| seal.seq).into(),
            time.into(),
            row.id.to_string().into(),
            row.action.as_str().into(),
            outcome.into(),
            row.actor_kind.as_str().into(),
            row.actor_id.as_str().into(),
            row.actor_name.as_str().into(),
            row.target_type.as_str().into(),
            row.target_id.as_str().into(),
            row.before.clone().unwrap_or_default(),
            row.after.clone().unwrap_or_default(),
            row.detail.clone().into(),
            row.request_id.as_str().into(),
            row.address.clone().into(),
            seal.map(|seal| to_hex(&seal.hash)).into(),
        ];
        match self {
            Self::JsonLines => {
                let members: serde_json::Map<String, Value> =
                    COLUMNS.iter().map(|name| (*name).to_owned()).zip(values).collect();
                format!("{}\n", Value::Object(members))
            }
            Self::Csv => {
                let cells = values.map(|value| match value {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                });
                csv_line(cells.iter().map(String::as_str))
            }
        }
    }
}

/// A line of RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe.
fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cell = |text: &str| {
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
    };
    format!("{}\r\n", cells.map(cell).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_leaves_its_place() {
        let line = csv_line(["a,b", "=1+1", "-2", "\"q\"", "x\r\ny", "@SUM(A1)", ""].into_iter());
        assert_eq!(line, "\"a,b\",\"'=1+1\",\"'-2\",\"\"\"q\"\"\",\"x\r\ny\",\"'@SUM(A1)\",\"\"\r\n");
    }
}
