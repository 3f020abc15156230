//! The ledger: its checkpoint, what it says leaf by leaf, and the proof of each.

use super::shell::{back, pager};
use super::visit::{Visit, started};
use super::{Drawn, Page, Section, Trouble, link};
use exhibit_evidence::run::RunId;
use exhibit_ledger::statement::{LeafKind, Statement};
use exhibit_package::html::markup::{counted, escape, fact, grouped, minute};
use exhibit_package::put;
use exhibit_store::Leaf;

/// Leaves on a page.
const PAGE: usize = 50;
/// Leaves that are looked through for one page.
const LOOKED_THROUGH: u64 = 20_000;

pub(super) fn page(visit: &Visit) -> Drawn {
    let mut out = String::from(
        "<h1>Ledger</h1>\n<p class=\"lead\">Everything that was written down, in one log that can only grow: runs, and what the \
         host and its operators did.</p>\n",
    );
    let store = &visit.host.store;
    match store.checkpoint() {
        None => out.push_str("<p class=\"empty\">It is empty.</p>\n"),
        Some(checkpoint) => {
            let head = checkpoint.head();
            out.push_str("<dl class=\"facts\">\n");
            fact(&mut out, "Log", escape(&visit.host.workspace.config().origin));
            fact(&mut out, "Leaves", grouped(head.size));
            fact(&mut out, "Root", format!("<code>{}</code>", head.root));
            fact(
                &mut out,
                "Key",
                format!("<code class=\"url\">{}</code>", escape(visit.host.signer.verifier())),
            );
            out.push_str("</dl>\n");
            put!(
                out,
                "<p>Keep the checkpoint where nobody who runs this machine can change it: against it, anyone can show that \
                 nothing before it was altered.</p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n\
                 <p class=\"files\"><a class=\"button\" href=\"/api/v1/log/checkpoint\" download=\"checkpoint\">Download the checkpoint</a></p>\n",
                escape(String::from_utf8_lossy(&checkpoint.to_bytes()))
            );
        }
    }
    leaves(&mut out, visit)?;
    Ok(Page::new(Section::Ledger, "Ledger", out))
}

fn kind_asked(visit: &Visit) -> Option<LeafKind> {
    let word = visit.asked("kind")?;
    LeafKind::ALL.into_iter().find(|kind| kind.word() == word)
}

/// Whether the one who looks may see a leaf: runs of the engagement, and all that is not a run.
fn sees(visit: &Visit, run: Option<&RunId>) -> bool {
    match (visit.engagement(), run) {
        (Some(engagement), Some(run)) => started(run).is_some_and(|at| engagement.span().contains(at)),
        _ => true,
    }
}

fn leaves(out: &mut String, visit: &Visit) -> Result<(), Trouble> {
    let kind = kind_asked(visit);
    let word = kind.map_or("", LeafKind::word);
    out.push_str("<h2>Leaves</h2>\n<div class=\"choices\"><nav aria-label=\"Leaves\"><ul>");
    let mark = |is: bool| if is { " aria-current=\"true\"" } else { "" };
    put!(out, "<li><a href=\"/ledger\"{}>All</a></li>", mark(kind.is_none()));
    for each in LeafKind::ALL {
        put!(
            out,
            "<li><a href=\"/ledger?kind={0}\"{1}>{2}</a></li>",
            each.word(),
            mark(kind == Some(each)),
            kind_words(each)
        );
    }
    out.push_str("</ul></nav></div>\n");
    let before: Option<u64> = visit.parsed("before")?;
    let (found, next) = gather(visit, kind, before)?;
    if found.is_empty() {
        out.push_str("<p class=\"empty\">None here.</p>\n");
    } else {
        table(out, visit, &found)?;
    }
    let to = |leaf: &str| link::with("/ledger", &[("kind", word), ("before", leaf)]);
    pager(out, before.map(|_| to("")), next.map(|next| to(&next.to_string())), "leaves");
    Ok(())
}

/// Leaves before one, newest first, and where the next part begins.
fn gather(
    visit: &Visit,
    kind: Option<LeafKind>,
    before: Option<u64>,
) -> Result<(Vec<Leaf>, Option<u64>), Trouble> {
    let mut end = before.unwrap_or(u64::MAX).min(visit.host.store.head().size);
    let last = end.saturating_sub(LOOKED_THROUGH);
    let mut found = Vec::new();
    while end > last {
        end -= 1;
        let leaf = visit.host.store.leaf(end)?;
        if kind.is_some_and(|kind| leaf.kind != Some(kind)) || !sees(visit, leaf.run.as_ref()) {
            continue;
        }
        if found.len() == PAGE {
            return Ok((found, Some(end + 1)));
        }
        found.push(leaf);
    }
    Ok((found, (end > 0).then_some(end)))
}

fn kind_words(kind: LeafKind) -> &'static str {
    match kind {
        LeafKind::Run => "Runs",
        LeafKind::Missed => "Missed",
        LeafKind::Upload => "Uploads",
        LeafKind::Approval => "Approvals",
        LeafKind::Settings => "Settings",
        LeafKind::KeyRotation => "Keys",
        LeafKind::Seal => "Seals",
        LeafKind::Addendum => "Addenda",
        LeafKind::Disposal => "Disposals",
        LeafKind::Host => "Host",
    }
}

fn table(out: &mut String, visit: &Visit, leaves: &[Leaf]) -> Result<(), Trouble> {
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Leaves\"><table class=\"leaves\"><caption class=\"sr\">Leaves of the log</caption><thead><tr>\
         <th scope=\"col\" class=\"n\">Leaf</th><th scope=\"col\">States</th><th scope=\"col\">About</th><th scope=\"col\">Statement</th></tr></thead><tbody>\n",
    );
    for leaf in leaves {
        let states = leaf.kind.map_or("a later version's", LeafKind::word);
        let about = match &leaf.run {
            Some(run) => format!("<a href=\"{}\">{run}</a>", link::run(run)),
            None => subject(visit, leaf.index)?,
        };
        put!(
            out,
            "<tr><th scope=\"row\" class=\"n\"><a href=\"{}\">{}</a></th><td>{states}</td><td>{about}</td><td><code title=\"{}\">{}…</code></td></tr>\n",
            link::leaf(leaf.index),
            leaf.index,
            leaf.statement,
            leaf.statement.short()
        );
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

fn subject(visit: &Visit, index: u64) -> Result<String, Trouble> {
    let statement = Statement::from_leaf_unverified(&visit.host.store.statement(index)?);
    let name = statement.ok().and_then(|statement| Some(statement.subject()?.name.clone()));
    Ok(escape(name.unwrap_or_default()).to_string())
}

pub(super) fn leaf_page(visit: &Visit) -> Drawn {
    let index: u64 = visit.name("leaf")?;
    let missing = || Trouble::missing(format!("the ledger has no leaf {index}"));
    let leaf = visit.host.store.leaf(index)?;
    if !sees(visit, leaf.run.as_ref()) {
        return Err(missing());
    }
    let envelope = visit.host.store.statement(index)?;
    let mut out = String::new();
    back(&mut out, &[("/ledger", "Ledger")]);
    put!(
        out,
        "<h1>Leaf {index} <span class=\"id\">{}</span></h1>\n<dl class=\"facts\">\n",
        leaf.kind.map_or("", LeafKind::word)
    );
    if let Some(run) = &leaf.run {
        let at = started(run).map(minute).unwrap_or_default();
        fact(&mut out, "Run", format!("<a href=\"{}\">{run}</a>, of {at}", link::run(run)));
    }
    let statement = Statement::from_leaf_unverified(&envelope);
    if let Ok(statement) = &statement {
        for subject in &statement.subjects {
            fact(
                &mut out,
                "About",
                format!("{}<br>SHA-256 <code>{}</code>", escape(&subject.name), subject.digest),
            );
        }
    }
    fact(&mut out, "Statement", format!("SHA-256 <code>{}</code>", leaf.statement));
    out.push_str("</dl>\n");
    match statement {
        Ok(statement) => {
            let says = serde_json::to_string_pretty(&statement.predicate).unwrap_or_default();
            put!(out, "<h2>What it says</h2>\n<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(says));
        }
        Err(error) => put!(out, "<p>It cannot be read: {}.</p>\n", escape(error)),
    }
    let proof = visit.host.store.proof(index)?;
    put!(
        out,
        "<h2>Its proof</h2>\n<p>Why it is in the log under the checkpoint: {} on the way to the root (C2SP tlog-proof).</p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n\
         <p class=\"files\"><a class=\"button\" href=\"/api/v1/log/leaves/{index}/proof\" download=\"{index}.tlog-proof\">Download the proof</a> \
         <a href=\"/api/v1/log/leaves/{index}\" download=\"{index}.dsse.json\">the signed statement</a></p>\n",
        counted(proof.path.len(), "hash", "hashes"),
        escape(String::from_utf8_lossy(&proof.to_bytes()))
    );
    Ok(Page::new(Section::Ledger, format!("Leaf {index}"), out))
}
