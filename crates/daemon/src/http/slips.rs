//! Access codes as a PDF of slips.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use plateau_core::api::SeatView;
use plateau_core::exam::clock::WHOLE;
use plateau_exam::report::DocumentKind;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::document::Binary;
use super::failure::{ApiResult, Failures, PathParams, QueryParams};

/// The routes of this file.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(get_access_slips_pdf))
}

/// Query of the slips.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SlipsQuery {
    /// Language: `fr` or `en`
    #[serde(default = "french")]
    #[param(required = false)]
    lang: String,
    /// Address for a browser, printed on the slips
    browser: String,
    /// Command for a terminal, printed on the slips
    ssh: Option<String>,
}

fn french() -> String {
    "fr".to_owned()
}

/// Returns the access codes of all candidates as a PDF of slips, to be cut and handed out
#[utoipa::path(get, path = "/v1/sessions/{session}/slips.pdf", tag = "sessions", operation_id = "getSlipsPdf",
    params(("session" = String, Path, description = "Name or identifier"), SlipsQuery),
    responses((status = 200, body = Binary, content_type = "application/pdf"), Failures))]
pub(super) async fn get_access_slips_pdf(
    State(api): State<Api>,
    PathParams(session): PathParams<String>,
    QueryParams(wanted): QueryParams<SlipsQuery>,
) -> ApiResult<impl IntoResponse> {
    let view = api.sessions.arranging().show(&session).await?;
    let seats = api.sessions.arranging().seats(&view.id).await?;
    let slips = api.sessions.arranging().slips(&view.id).await?;
    let french = wanted.lang == "fr";
    let rows = slips.iter().map(|slip| {
        let seat = seats.iter().find(|seat| seat.number == slip.number);
        json!({
            "name": slip.name,
            "number": slip.number,
            "code": slip.code,
            "arrangements": seat.map_or_else(Vec::new, |seat| arrangements(seat, french)),
        })
    });
    let terms = &view.terms;
    let title = match &terms.block {
        Some(block) => format!("{} {block}, {}", terms.title.to_uppercase(), view.name),
        None => format!("{}, {}", terms.title.to_uppercase(), view.name),
    };
    let mut access = json!({ "browser": wanted.browser });
    if let Some(ssh) = &wanted.ssh {
        access["ssh"] = Value::from(ssh.as_str());
    }
    let slips = json!({
        "language": wanted.lang,
        "made": jiff::Timestamp::now().to_string(),
        "session": {
            "title": title,
            "centre": terms.centre,
            "starts": terms.from,
        },
        "access": access,
        "seats": rows.collect::<Vec<Value>>(),
    });
    let made = api.reports.make(DocumentKind::Slips, &slips).await?;
    Ok(([(header::CONTENT_TYPE, "application/pdf")], made))
}

/// The special arrangements of a candidate, in words.
fn arrangements(seat: &SeatView, french: bool) -> Vec<String> {
    let mut granted = Vec::new();
    if seat.factor != WHOLE {
        let factor = format!("{}.{:03}", seat.factor / WHOLE, seat.factor % WHOLE);
        let factor = factor.trim_end_matches('0');
        granted.push(if french {
            format!("temps × {}", factor.replace('.', ","))
        } else {
            format!("time × {factor}")
        });
    }
    if seat.breaks_ms > 0 {
        let minutes = seat.breaks_ms / 60_000;
        granted.push(if french {
            format!("pauses : {minutes} min")
        } else {
            format!("breaks: {minutes} min")
        });
    }
    if !seat.notes.is_empty() {
        granted.push(seat.notes.clone());
    }
    granted
}
