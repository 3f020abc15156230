//! What people bring and close: uploads, seals, packages.

use super::shell::form;
use super::visit::Visit;
use super::{Drawn, Page, Section, Trouble, link};
use crate::http::api::exports::{ExportItem, ExportState};
use crate::http::tokens::Role;
use exhibit_evidence::digest::Digest;
use exhibit_ledger::seal::Seal;
use exhibit_ledger::statement::LeafKind;
use exhibit_package::html::markup::{counted, escape, grouped, minute};
use exhibit_package::model::OUTCOMES;
use exhibit_package::put;
use exhibit_pipeline::upload;

/// Seals of the periods that may be seen.
pub(super) fn seals_page(visit: &Visit) -> Drawn {
    let mut out = String::from(
        "<h1>Seals</h1>\n<p class=\"lead\">A seal closes an audit period: it lists every expected collection period with what \
         became of it, under a signed checkpoint.</p>\n",
    );
    let seals = seals(visit)?;
    if seals.is_empty() {
        out.push_str("<p class=\"empty\">No period is sealed yet.</p>\n");
    }
    for (leaf, seal) in &seals {
        one(&mut out, visit, *leaf, seal);
    }
    if visit.operates() {
        out.push_str("<h2>Seal a period</h2>\n");
        let field = "<div class=\"fields\"><p><label for=\"period\">Period, which is over</label>\
                     <input id=\"period\" name=\"period\" placeholder=\"2026-H1\" required></p></div>\
                     <p>A seal is never edited. It is refused while runs go on.</p><button class=\"strong\">Seal</button>";
        form(&mut out, visit, "/seals", &[], field);
    }
    packages(&mut out, &visit.exports());
    Ok(Page::new(Section::Seals, "Seals", out))
}

/// Every seal, newest first, of those that may be seen: an auditor's is that of the engagement.
fn seals(visit: &Visit) -> Result<Vec<(u64, Seal)>, Trouble> {
    let mut seals = Vec::new();
    for leaf in visit.host.store.leaves(Some(LeafKind::Seal))?.into_iter().rev() {
        let Some(bytes) = visit.host.store.document(leaf.index)? else { continue };
        let seal = Seal::parse(&bytes).map_err(|error| Trouble::failed(error.to_string()))?;
        if visit.engagement().is_none_or(|engagement| engagement.span() == seal.period.span()) {
            seals.push((leaf.index, seal));
        }
    }
    Ok(seals)
}

fn one(out: &mut String, visit: &Visit, leaf: u64, seal: &Seal) {
    let counts = seal.counts();
    put!(
        out,
        "<section class=\"card\"><h2 class=\"small\">{}</h2><p>Sealed on {}, {} expected.</p><p class=\"tally\">",
        escape(&seal.period),
        minute(seal.sealed_at),
        counted(seal.controls.len(), "period", "periods")
    );
    for outcome in OUTCOMES {
        if let Some(count) = counts.get(&outcome).filter(|count| **count > 0) {
            put!(out, "<span class=\"badge {0}\">{1} {0}</span> ", outcome.word(), grouped(*count));
        }
    }
    let digest = seal.to_bytes().map_or_else(|_| String::new(), |bytes| Digest::of(bytes).to_string());
    put!(
        out,
        "</p><p>Document <code>{digest}</code>, <a href=\"{}\">leaf {leaf}</a> of the ledger. \
         <a href=\"{}\">The calendar of {}</a></p>\n",
        link::leaf(leaf),
        escape(link::with("/calendar", &[("period", seal.period.name())])),
        escape(&seal.period)
    );
    if visit.operates() {
        let rest = format!(
            "<p><input type=\"checkbox\" id=\"withhold-{leaf}\" name=\"withhold_bodies\" value=\"yes\"> \
             <label for=\"withhold-{leaf}\">Leave the bodies of exchanges out: its runs can then not be performed again</label></p>\
             <button>Make a package</button>"
        );
        form(out, visit, "/exports", &[("period", seal.period.name())], &rest);
    }
    out.push_str("</section>\n");
}

/// Packages, each with how far it is.
fn packages(out: &mut String, exports: &[ExportItem]) {
    out.push_str("<h2 id=\"packages\">Packages</h2>\n");
    if exports.is_empty() {
        out.push_str("<p class=\"empty\">None was made here yet.</p>\n");
    }
    for item in exports {
        put!(
            out,
            "<section class=\"card\"><h3>{} <span class=\"of\">asked for by {} on {}{}</span></h3>",
            escape(&item.period),
            escape(&item.by),
            minute(item.asked_at),
            if item.withhold_bodies { ", without bodies" } else { "" }
        );
        match item.state {
            ExportState::Waiting => out.push_str("<p>It waits for others.</p>"),
            ExportState::Running => put!(
                out,
                "<p><label for=\"progress-{0}\">{1} of {2} runs</label> <progress id=\"progress-{0}\" value=\"{1}\" max=\"{2}\"></progress> \
                 <a href=\"/seals#packages\">How far is it?</a></p>",
                escape(&item.id.0),
                item.done,
                item.total.max(1)
            ),
            ExportState::Failed => put!(
                out,
                "<p><span class=\"badge failed\">failed</span> {}</p>",
                escape(item.error.as_deref().unwrap_or_default())
            ),
            ExportState::Done => put!(
                out,
                "<p>{} bytes, SHA-256 <code>{}</code></p><p class=\"files\"><a class=\"button\" href=\"/api/v1/exports/{}/file\">Download</a></p>",
                grouped(item.bytes.unwrap_or_default()),
                item.sha256.map_or_else(String::new, |digest| digest.to_string()),
                escape(&item.id.0)
            ),
        }
        out.push_str("</section>\n");
    }
}

/// Manual evidence: what was attached, and the form that attaches more.
pub(super) fn uploads_page(visit: &Visit) -> Drawn {
    if !matches!(visit.viewer.role, Role::Operator | Role::Auditor { .. } | Role::Ingest) {
        return Err(Trouble::forbidden("this page is for those who attach files, and who read them"));
    }
    let mut out = String::from(
        "<h1>Uploads</h1>\n<p class=\"lead\">Files that people attach to a control&#39;s period: minutes, reviews, policies.</p>\n",
    );
    if matches!(visit.viewer.role, Role::Operator | Role::Ingest) {
        upload_form(&mut out, visit);
    }
    if matches!(visit.viewer.role, Role::Operator | Role::Auditor { .. }) {
        uploaded(&mut out, visit)?;
    }
    Ok(Page::new(Section::Uploads, "Uploads", out))
}

fn upload_form(out: &mut String, visit: &Visit) {
    // A form with a file has its token in the address.
    let action = link::with("/uploads", &[("csrf", visit.viewer.csrf())]);
    put!(
        out,
        "<h2>Attach a file</h2>\n<form method=\"post\" enctype=\"multipart/form-data\" action=\"{}\"><div class=\"fields\">",
        escape(action)
    );
    put!(out, "<p><label for=\"control\">Control</label><select id=\"control\" name=\"control\" required>");
    for control in visit.host.controls.iter() {
        put!(out, "<option value=\"{0}\">{0} {1}</option>", control.id, escape(&control.title));
    }
    out.push_str("</select></p>");
    for (name, label, more) in [
        ("period", "Collection period", "placeholder=\"2026-Q1\" required"),
        ("effective", "Day that the document is of", "type=\"date\" required"),
        ("expires", "Last day on which it holds, if any", "type=\"date\""),
        ("revision", "Its revision, if any", ""),
        ("attested_by", "Who says that it is what it claims to be; you, if empty", ""),
        ("note", "What else there is to say", ""),
        ("file", "File, of at most 32 MiB", "type=\"file\" required"),
    ] {
        put!(out, "<p><label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" {more}></p>");
    }
    out.push_str("</div><button class=\"strong\">Attach</button></form>\n");
}

fn uploaded(out: &mut String, visit: &Visit) -> Result<(), Trouble> {
    out.push_str("<h2>Attached</h2>\n");
    let mut all = upload::uploads(&visit.host.store)?;
    all.retain(|file| visit.engagement().is_none_or(|own| own.span().overlaps(&file.upload.period.span())));
    if all.is_empty() {
        out.push_str("<p class=\"empty\">Nothing yet.</p>\n");
        return Ok(());
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Attached files\"><table><caption class=\"sr\">Attached files, the newest first</caption><thead><tr>\
         <th scope=\"col\">File</th><th scope=\"col\">Control</th><th scope=\"col\">Period</th><th scope=\"col\">Of</th>\
         <th scope=\"col\">Attested by</th><th scope=\"col\">Attached</th><th scope=\"col\" class=\"n\">Bytes</th><th scope=\"col\">Leaf</th></tr></thead><tbody>\n",
    );
    for file in all.iter().rev() {
        let u = &file.upload;
        put!(
            out,
            "<tr><th scope=\"row\"><a href=\"/api/v1/uploads/{0}/file\">{1}</a><small>{2}</small></th><td><a href=\"{3}\">{4}</a></td><td class=\"t\">{5}</td>\
             <td class=\"t\">{6}</td><td>{7}</td><td>{8}<small>by {9}</small></td><td class=\"n\">{10}</td><td><a href=\"{11}\">{0}</a></td></tr>\n",
            file.leaf,
            escape(&file.file),
            escape(u.note.as_deref().unwrap_or_default()),
            escape(link::period(&u.control, &u.period)),
            u.control,
            u.period,
            u.effective,
            escape(&u.attested_by),
            minute(u.uploaded_at),
            escape(&u.uploaded_by),
            grouped(u.bytes),
            link::leaf(file.leaf)
        );
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}
