//! Manual evidence: files that people attach to a control's collection period.

use super::super::app::App;
use super::super::extract::{Path, Query, Whole};
use super::super::problem::Problem;
use super::super::viewer::Viewer;
use super::list;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use exhibit_evidence::control::ControlId;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_ledger::statement::Statement;
use exhibit_pipeline::upload::{self, Attach, AttachError, Attached, Upload};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An attached file.
#[derive(Serialize, ToSchema)]
pub(crate) struct UploadItem {
    /// Its leaf in the ledger.
    leaf: u64,
    /// The control that it proves.
    control: String,
    /// The collection period that it fills.
    period: String,
    /// Its name.
    file: String,
    /// Its length.
    bytes: u64,
    /// SHA-256 of it.
    sha256: String,
    /// The day that the document is of.
    effective: String,
    /// The last day on which it holds.
    expires: Option<String>,
    /// The document's own revision.
    revision: Option<String>,
    /// Who says that it is what it claims to be.
    attested_by: String,
    /// What else there is to say.
    note: Option<String>,
    /// When it was attached.
    uploaded_at: String,
    /// Who attached it.
    uploaded_by: String,
}

impl UploadItem {
    fn of(attached: Attached) -> Self {
        let upload = attached.upload;
        Self {
            leaf: attached.leaf,
            control: upload.control.to_string(),
            period: upload.period.to_string(),
            file: attached.file,
            bytes: upload.bytes,
            sha256: attached.digest.to_string(),
            effective: upload.effective.to_string(),
            expires: upload.expires.map(|day| day.to_string()),
            revision: upload.revision,
            attested_by: upload.attested_by,
            note: upload.note,
            uploaded_at: upload.uploaded_at.to_string(),
            uploaded_by: upload.uploaded_by,
        }
    }
}

/// Whether a viewer may see a file: an auditor, one of a period of the engagement.
pub(crate) fn may_see(viewer: &Viewer, statement: &Statement) -> bool {
    Upload::of(statement).is_some_and(|upload| is_of(viewer, &upload.period))
}

fn is_of(viewer: &Viewer, period: &CollectionPeriod) -> bool {
    viewer.span().is_none_or(|span| span.overlaps(&period.span()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadsQuery {
    /// Only files of this control.
    #[param(value_type = Option<String>)]
    control: Option<ControlId>,
    /// Only files of this collection period.
    #[param(value_type = Option<String>)]
    period: Option<CollectionPeriod>,
}

/// Every attached file, in the order in which they came
#[utoipa::path(get, path = "/api/v1/uploads", tag = "uploads", params(UploadsQuery),
    responses((status = 200, description = "All of them.", body = Vec<UploadItem>)))]
pub(crate) async fn list(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<UploadsQuery>,
) -> Result<Json<Vec<UploadItem>>, Problem> {
    let items = app.read(move |host| {
        let mut all = upload::uploads(&host.store)?;
        all.retain(|file| {
            is_of(&viewer, &file.upload.period)
                && query.control.as_ref().is_none_or(|control| *control == file.upload.control)
                && query.period.is_none_or(|period| period == file.upload.period)
        });
        Ok(all.into_iter().map(UploadItem::of).collect())
    });
    Ok(Json(items.await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AttachQuery {
    /// The control that it proves.
    #[param(value_type = String)]
    control: ControlId,
    /// The collection period that it fills, one of the control's own: 2026-03-04, 2026-W10, 2026-03, 2026-Q1, 2026.
    #[param(value_type = String)]
    period: CollectionPeriod,
    /// The file's name, without folders.
    file: String,
    /// The day that the document is of: 2026-03-30.
    effective: String,
    /// The last day on which it holds.
    expires: Option<String>,
    /// The document's own revision.
    revision: Option<String>,
    /// Who says that it is what it claims to be; left out: who attaches it.
    attested_by: Option<String>,
    /// What else there is to say.
    note: Option<String>,
}

impl AttachQuery {
    fn said(self) -> Result<Attach, Problem> {
        let day = |name: &str, text: &str| {
            let wrong = |_| Problem::bad_request(format!("`{name}` is a day: 2026-03-30"));
            text.parse::<jiff::civil::Date>().map_err(wrong)
        };
        Ok(Attach {
            effective: day("effective", &self.effective)?,
            expires: self.expires.map(|text| day("expires", &text)).transpose()?,
            control: self.control,
            period: self.period,
            file: self.file,
            revision: self.revision,
            attested_by: self.attested_by,
            note: self.note,
        })
    }
}

impl From<AttachError> for Problem {
    fn from(error: AttachError) -> Self {
        match &error {
            AttachError::NoControl(_) | AttachError::Wrong(_) => Self::bad_request(error.to_string()),
            AttachError::Again { .. } => Self::conflict(error.to_string()),
            AttachError::Store(_) => Self::failed(error.to_string()),
        }
    }
}

/// Attach a file
///
/// The body is the file, of at most 32 MiB; what is said of it stands in the address.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "uploads", params(AttachQuery),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, description = "It is attached.", body = UploadItem),
        (status = 409, description = "It is attached already.", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "It is too large.", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn attach(
    State(app): State<App>,
    viewer: Viewer,
    Query(query): Query<AttachQuery>,
    Whole(bytes): Whole,
) -> Result<(StatusCode, Json<UploadItem>), Problem> {
    let said = query.said()?;
    let attached =
        app.read(move |host| Ok(UploadItem::of(upload::attach(host, &said, &bytes, &viewer.who)?)));
    Ok((StatusCode::CREATED, Json(attached.await?)))
}

/// An attached file
///
/// What it holds came from elsewhere: it is sent as a file.
#[utoipa::path(get, path = "/api/v1/uploads/{leaf}/file", tag = "uploads",
    params(("leaf" = u64, Path, description = "Its leaf.")),
    responses((status = 200, description = "The file.", body = String,
        content_type = "application/octet-stream")))]
pub(crate) async fn file(
    State(app): State<App>,
    viewer: Viewer,
    Path(leaf): Path<u64>,
) -> Result<Response, Problem> {
    let found = app.read(move |host| {
        let none = || Problem::not_found(format!("leaf {leaf} is no attached file"));
        let all = upload::uploads(&host.store)?;
        let file = all.into_iter().find(|file| file.leaf == leaf && is_of(&viewer, &file.upload.period));
        let file = file.ok_or_else(none)?;
        Ok((host.store.document(leaf)?.ok_or_else(none)?, file))
    });
    let (bytes, file) = found.await?;
    let mut response = list::fixed("application/octet-stream", file.digest, bytes);
    list::as_file(&mut response, &file.file);
    Ok(response)
}
