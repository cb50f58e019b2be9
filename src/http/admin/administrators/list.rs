//! The list of people and of open invitations.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::administrator::Administrator;
use super::super::tenants::read_query;
use super::{LIST, group, list_path, may_change, of_name, shown};
use crate::auth::administrators;
use crate::auth::invitations;
use crate::http::pages::{PageError, show};
use crate::http::{AppState, blocking};
use crate::store::InvitationRow;

/// People on a page, and invitations at most.
const ROWS: usize = 100;

/// `GET /admin/administrators`.
pub(super) async fn list(
    app: web::Data<AppState>,
    administrator: Administrator,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let query = read_query(&request);
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let of = group(&administrator, given("of"))?;
    let after = Some(given("after").replace('\0', "")).filter(|after| !after.is_empty());
    let (caller, behind) = (of.clone(), after.clone());
    let (mut rows, open) = blocking::run(&app, move |app| {
        let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
        let rows = administrators::page(&app.store, &caller, behind.as_deref(), limit + 1)?;
        let open = if behind.is_none() { invitations::list(&app.store, &caller, limit)? } else { Vec::new() };
        Ok::<_, PageError>((rows, open))
    })
    .await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let tenant = of.principal.tenant();
    let next = rows.last().filter(|_| more).map(|row| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("of", of_name(tenant)), ("after", row.folded_email.as_str())])
            .finish();
        format!("{}{LIST}?{query}", app.site.base)
    });
    let first = after.is_some().then(|| format!("{}{}", app.site.base, list_path(tenant)));
    let now = Utc::now();
    let rows: Vec<Value> = rows.iter().map(|row| shown(&administrator, row, now)).collect();
    let open: Vec<Value> = open.iter().map(|row| invitation_shown(row, now)).collect();
    let page = administrator
        .page("administrators/list.html")
        .with("rows", rows)
        .with("invitations", open)
        .with("of", of_name(tenant))
        .with("is_operator", administrator.person().is_operator())
        .with("may_change", may_change(&administrator, &of))
        .with("first", first)
        .with("next", next);
    administrator.respond(&app, page)
}

fn invitation_shown(row: &InvitationRow, now: DateTime<Utc>) -> Value {
    json!({
        "email": row.email,
        "role": row.role,
        "what": if row.administrator_id.is_some() { "New password" } else { "Invitation" },
        "by": row.invited_by,
        "expires": show::time(row.expires_at, now),
        "revoke": format!("{LIST}/invitations/{}/revoke", row.id),
    })
}
