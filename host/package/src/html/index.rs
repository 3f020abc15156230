//! The first page: what this is, what is missing, what there is, and how to check it.

use super::markup::{badge, counted, escape, fact, frequency_word, grouped, minute, shape_word};
use super::{calendar, shell};
use crate::contents::{Contents, PopulationContents};
use crate::layout;
use crate::model::{OUTCOMES, Outcome};
use crate::put;
use exhibit_evidence::run::{Basis, Verdict};
use std::collections::BTreeSet;

pub(super) fn page(contents: &Contents) -> String {
    let mut out = String::new();
    let meta = &contents.meta;
    let sources: BTreeSet<_> = contents.runs.values().map(|run| &run.manifest.source).collect();
    put!(
        out,
        "<h1>Evidence for {}</h1>\n<p class=\"lead\">Collected by machine from {} of {}, for {} to {}. {}</p>\n",
        escape(&meta.period),
        counted(sources.len(), "source", "sources"),
        escape(&meta.organisation),
        meta.period.span().start.date(),
        meta.period.span().end.plus_ms(-1).date(),
        match &meta.seal {
            Some(seal) => format!("Sealed as <code>sha256:{}</code>.", seal.short()),
            None =>
                "<strong>Not sealed: it was exported while evidence could still be added.</strong>".into(),
        }
    );
    cards(&mut out, contents);
    exceptions(&mut out, contents);
    coverage(&mut out, contents);
    populations(&mut out, contents);
    super::people::section(&mut out, contents);
    runs(&mut out, contents);
    says(&mut out, contents);
    verify(&mut out, contents);
    ledger(&mut out, contents);
    shell(meta, "", "Evidence", &out)
}

fn cards(out: &mut String, contents: &Contents) {
    let (periods, filled) = (contents.periods(), contents.count(Outcome::Filled));
    let missing: Vec<String> = OUTCOMES
        .into_iter()
        .filter(|o| *o != Outcome::Filled && contents.count(*o) > 0)
        .map(|o| format!("{} {}", contents.count(o), o.word()))
        .collect();
    let complete = contents.runs.values().filter(|r| r.manifest.verdict == Verdict::Complete).count();
    let items: u64 = contents.populations.iter().map(|p| p.keys).sum();
    let exceptions_class = if periods == filled { "good" } else { "bad" };
    let exceptions_more =
        if missing.is_empty() { "every period is filled".into() } else { missing.join(", ") };
    let cards: [(&str, &str, u64, &str, String); 5] = [
        (
            "",
            "#coverage",
            contents.coverage.len() as u64,
            "controls",
            format!("{} expected", counted(periods, "period", "periods")),
        ),
        ("good", "#coverage", filled as u64, "periods filled", "complete evidence, in time".into()),
        (exceptions_class, "#exceptions", (periods - filled) as u64, "exceptions", exceptions_more),
        (
            "",
            "#populations",
            contents.populations.len() as u64,
            "populations",
            counted(items, "item", "items"),
        ),
        ("", "#runs", contents.runs.len() as u64, "runs", format!("{} complete", grouped(complete as u64))),
    ];
    out.push_str("<ul class=\"cards\">\n");
    for (class, target, number, words, more) in cards {
        let number = grouped(number);
        put!(
            out,
            "<li class=\"{class}\"><a href=\"{target}\"><b>{number}</b> {words}<small>{more}</small></a></li>\n"
        );
    }
    out.push_str(
        "</ul>\n<p class=\"jump\"><a href=\"#says\">What this proves, and what it does not</a> \
         <a href=\"#withheld\">What is not in it</a> <a href=\"#verify\">How to verify</a> \
         <a href=\"#ledger\">The log</a></p>\n",
    );
}

fn exceptions(out: &mut String, contents: &Contents) {
    out.push_str("<h2 id=\"exceptions\">Exceptions</h2>\n");
    if contents.coverage.is_empty() {
        out.push_str("<p>No control is covered by this package, so nothing was expected.</p>\n");
        return;
    }
    if contents.count(Outcome::Filled) == contents.periods() {
        out.push_str("<p>None: every expected collection period has complete evidence, in time.</p>\n");
        return;
    }
    out.push_str(
        "<p>Every expected collection period that is not simply filled. A day on which nobody looked at a state is \
         gone for good: no later collection fills it.</p>\n\
         <div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Control</th><th scope=\"col\">Periods</th>\
         <th scope=\"col\">Outcome</th><th scope=\"col\">Reason</th></tr></thead><tbody>\n",
    );
    for (number, coverage) in (1..).zip(&contents.coverage) {
        let page = layout::control_page(number, &coverage.control.id);
        let slots = calendar::slots(coverage);
        for stretch in calendar::exceptions(&slots) {
            put!(
                out,
                "<tr><th scope=\"row\"><a href=\"{}\">{}</a> {}</th><td class=\"t\">{}</td><td>{}</td><td>{}</td></tr>\n",
                page.trim_start_matches("data/"),
                coverage.control.id,
                escape(&coverage.control.title),
                stretch.name(),
                badge(stretch.outcome),
                escape(stretch.first.reason.unwrap_or("no reason was recorded"))
            );
        }
    }
    out.push_str("</tbody></table></div>\n");
}

fn coverage(out: &mut String, contents: &Contents) {
    out.push_str("<h2 id=\"coverage\">Controls and coverage</h2>\n");
    if contents.coverage.is_empty() {
        return;
    }
    let months = calendar::months(contents.coverage.iter().flat_map(|c| c.periods.iter().map(|p| p.period)));
    out.push_str(
        "<p>For each control and month: a box for each collection period, and how many are filled of those \
         expected. A control&#39;s page has its calendar day by day.</p>\n",
    );
    calendar::legend(out);
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table class=\"matrix\"><thead><tr><th scope=\"col\">Control</th>");
    for month in &months {
        put!(out, "<th scope=\"col\">{}</th>", calendar::month_head(*month));
    }
    out.push_str("</tr></thead><tbody>\n");
    for (number, coverage) in (1..).zip(&contents.coverage) {
        let control = &coverage.control;
        let page = layout::control_page(number, &control.id);
        let criteria: Vec<String> = control.criteria.iter().map(ToString::to_string).collect();
        put!(
            out,
            "<tr id=\"control-{0}\"><th scope=\"row\"><a href=\"{1}\"><b>{0}</b> {2}</a>\
             <small>{3} · {4} · {5}</small></th>",
            control.id,
            page.trim_start_matches("data/"),
            escape(&control.title),
            criteria.join(" "),
            frequency_word(control.frequency),
            escape(&control.owner)
        );
        let slots = calendar::slots(coverage);
        for month in &months {
            calendar::month_cell(out, *month, &slots, None);
        }
        out.push_str("</tr>\n");
    }
    out.push_str(
        "</tbody></table></div>\n<p class=\"files\"><a href=\"coverage.csv\">coverage.csv</a> \
         <a href=\"coverage.json\">coverage.json</a></p>\n",
    );
}

fn populations(out: &mut String, contents: &Contents) {
    out.push_str(
        "<h2 id=\"populations\">Populations</h2>\n<p>What the controls act on. Each page says how its lists were made \
         and why they are complete; the workbook has a sheet for each.</p>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Population</th><th scope=\"col\">Source</th>\
         <th scope=\"col\" class=\"n\">Items in the period</th><th scope=\"col\" class=\"n\">At the last run</th>\
         <th scope=\"col\">Runs</th><th scope=\"col\">How complete</th><th scope=\"col\">Files</th></tr></thead><tbody>\n",
    );
    for population in &contents.populations {
        population_row(out, contents, population);
    }
    out.push_str(
        "</tbody></table></div>\n<p class=\"files\"><a class=\"button\" href=\"populations.xlsx\">populations.xlsx</a></p>\n",
    );
}

fn population_row(out: &mut String, contents: &Contents, population: &PopulationContents) {
    let runs = &population.runs;
    let folder = format!("populations/{}/{}", runs.source, runs.kind);
    let last = match runs.runs.last() {
        Some(last) if !runs.shape.is_timed() => grouped(last.records),
        _ => "–".to_owned(),
    };
    let (mut complete, mut partial, mut failed, mut asserted) = (0u64, 0u64, 0u64, false);
    for (_, facts) in population.facts(contents) {
        match facts.verdict {
            Verdict::Complete => complete += 1,
            Verdict::Partial(_) => partial += 1,
            Verdict::Failed(_) => failed += 1,
        }
        asserted |= facts.basis == Basis::ConnectorAsserted;
    }
    let mut verdicts = vec![format!("<span class=\"badge filled\">{complete} complete</span>")];
    for (count, word) in [(partial, "partial"), (failed, "failed")] {
        if count > 0 {
            verdicts.push(format!("<span class=\"badge {word}\">{count} {word}</span>"));
        }
    }
    put!(
        out,
        "<tr><th scope=\"row\"><a href=\"{folder}/index.html\">{}</a><small><code>{}</code> · {}</small></th><td>{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{last}</td><td>{}</td><td>{}<small>{}</small></td>\
         <td><a href=\"{folder}/population.csv\">CSV</a> <a href=\"{folder}/records.jsonl\">JSONL</a></td></tr>\n",
        escape(&runs.title),
        runs.kind,
        shape_word(runs.shape),
        runs.source,
        grouped(population.keys),
        grouped(runs.runs.len() as u64),
        verdicts.join(" "),
        if asserted { "connector-asserted, at least in part" } else { "host-paged to the declared end" }
    );
}

fn runs(out: &mut String, contents: &Contents) {
    out.push_str("<h2 id=\"runs\">Runs</h2>\n");
    let mut by_source: std::collections::BTreeMap<_, Vec<_>> = std::collections::BTreeMap::new();
    for run in contents.runs.values() {
        by_source.entry(&run.manifest.source).or_default().push(run);
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Source</th><th scope=\"col\">Tenant</th>\
         <th scope=\"col\">Connector</th><th scope=\"col\" class=\"n\">Runs</th><th scope=\"col\">First and last</th>\
         <th scope=\"col\" class=\"n\">Not complete</th></tr></thead><tbody>\n",
    );
    for (source, runs) in &by_source {
        let tenants: BTreeSet<&str> = runs.iter().filter_map(|r| r.manifest.tenant.as_deref()).collect();
        let connectors: BTreeSet<String> = runs
            .iter()
            .map(|r| format!("{} {}", r.manifest.connector.name, r.manifest.connector.version))
            .collect();
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else { continue };
        put!(
            out,
            "<tr><th scope=\"row\">{source}</th><td>{}</td><td>{}</td><td class=\"n\">{}</td>\
             <td>{} to {}</td><td class=\"n\">{}</td></tr>\n",
            escape(tenants.into_iter().collect::<Vec<_>>().join(", ")),
            escape(connectors.into_iter().collect::<Vec<_>>().join(", ")),
            grouped(runs.len() as u64),
            minute(first.manifest.started_at),
            minute(last.manifest.started_at),
            grouped(runs.iter().filter(|r| r.manifest.verdict != Verdict::Complete).count() as u64)
        );
    }
    out.push_str(
        "</tbody></table></div>\n<p><a class=\"button\" href=\"runs/index.html\">All runs</a></p>\n",
    );
}

fn says(out: &mut String, contents: &Contents) {
    let expected = if contents.meta.seal.is_some() {
        "What was expected and what is missing: the seal lists every collection period with its outcome."
    } else {
        "Not yet what was expected: the period is not sealed, and what is missing is this package&#39;s word alone."
    };
    put!(
        out,
        "<h2 id=\"says\">What this proves, and what it does not</h2>\n<div class=\"two\">\n<div class=\"card\"><h3>Once verified, it proves</h3><ul>\
         <li>Nothing was changed since a checkpoint of its log that someone else holds: each run is a leaf of that \
         log, and every record leads to its runs.</li>\
         <li>{expected}</li>\
         <li>How each list was made: what was asked, how many pages came, why reading stopped, what was left out.</li>\
         <li>That the recorded answers give these records: the connectors are in it, and can be run again, offline.</li>\
         </ul></div>\n<div class=\"card\"><h3>It does not prove</h3><ul>\
         <li>That the machine which collected was honest while it did. An earlier checkpoint in your own hands, an \
         outside timestamp, and performing a run again are what speak to that.</li>\
         <li>That a control is well designed, or that it worked: it is evidence, and the conclusion is the \
         auditor&#39;s.</li>\
         <li>Anything about attributes that a source did not report. They are listed as unknown, never as no.</li>\
         </ul></div></div>\n",
    );
    out.push_str("<h2 id=\"withheld\">Not in this package</h2>\n<ul>\n");
    out.push_str(
        "<li>Credentials and known secret values: never recorded. Fields that the redaction rules name were removed \
         before the connector saw them, and the digests are of what it saw.</li>\n",
    );
    let withheld: Vec<_> = contents.runs.values().filter(|run| run.withheld.is_some()).collect();
    let barred = contents.runs.values().filter(|run| run.manifest.not_reperformable.is_some()).count();
    if withheld.is_empty() {
        out.push_str("<li>No recorded answer is withheld.</li>\n");
    } else {
        let reasons: BTreeSet<&str> = withheld.iter().filter_map(|run| run.withheld.as_deref()).collect();
        put!(
            out,
            "<li><strong>The recorded answers of {} are withheld</strong> ({}). Their digests still verify; these runs \
             cannot be performed again from this package.</li>\n",
            counted(withheld.len(), "run", "runs"),
            escape(reasons.into_iter().collect::<Vec<_>>().join("; "))
        );
    }
    if barred > 0 {
        put!(
            out,
            "<li>{} cannot be performed again by their nature (see their pages).</li>\n",
            counted(barred, "run", "runs")
        );
    }
    out.push_str("</ul>\n");
}

fn verify(out: &mut String, contents: &Contents) {
    let name = contents.meta.name();
    put!(
        out,
        "<h2 id=\"verify\">How to verify</h2>\n<ol class=\"steps\">\n\
         <li><b>That nothing was damaged</b>, with the tools of any Linux machine (on macOS, <code>shasum -a 256</code> for \
         <code>sha256sum</code>), in the folder <code>{name}</code>:<pre><code>sha256sum -c --quiet tagmanifest-sha256.txt\nsha256sum -c --quiet manifest-sha256.txt</code></pre>\
         The folder is a BagIt bag (RFC 8493), so any bag validator does the same.</li>\n\
         <li><b>That nothing was changed</b> since a checkpoint that you hold, with the checker:\
         <pre><code>exhibit-verify {name}.zip --key KEY --checkpoint CHECKPOINT</code></pre>\
         KEY is the log&#39;s public key, CHECKPOINT one that was handed over earlier; both should have reached you on \
         another way than this package. Without them the result reads <i>self-consistent, signer unconfirmed</i>. It \
         also draws these pages, the tables and the workbook again, and compares.</li>\n\
         <li><b>That the recorded answers give these records</b>, by running the connectors again, offline:\
         <pre><code>exhibit reperform {name}.zip</code></pre></li>\n</ol>\n"
    );
}

fn ledger(out: &mut String, contents: &Contents) {
    let ledger = &contents.ledger;
    out.push_str("<h2 id=\"ledger\">The log</h2>\n<dl class=\"facts\">\n");
    fact(out, "Log", escape(&ledger.origin));
    fact(
        out,
        "Checkpoint",
        format!("{}, root <code>{}</code>", counted(ledger.size, "leaf", "leaves"), ledger.root),
    );
    fact(out, "Key", format!("<code class=\"url\">{}</code>", escape(&ledger.key)));
    let timestamp = if ledger.timestamp {
        "by an outside authority (RFC 3161): <a href=\"ledger/timestamp.tsr\">timestamp.tsr</a> over \
         <a href=\"ledger/stamped-checkpoint\">stamped-checkpoint</a>"
    } else {
        "none: no outside authority has stamped the seal"
    };
    fact(out, "Timestamp", timestamp);
    fact(
        out,
        "Files",
        "<a href=\"ledger/checkpoint\">checkpoint</a> <a href=\"ledger/key.txt\">key.txt</a> \
         <a href=\"ledger/key.pem\">key.pem</a> <a href=\"ledger/leaf-hashes\">leaf-hashes</a>",
    );
    out.push_str("</dl>\n");
    if ledger.leaves.is_empty() {
        return;
    }
    out.push_str(
        "<details><summary>Leaves that are not runs: what the host did itself, what was missed, approved, changed, \
         sealed</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr>\
         <th scope=\"col\" class=\"n\">Leaf</th><th scope=\"col\">States</th><th scope=\"col\">About</th>\
         <th scope=\"col\">Says</th>\
         <th scope=\"col\">Files</th></tr></thead><tbody>\n",
    );
    for leaf in &ledger.leaves {
        let folder = format!("ledger/leaves/{:010}", leaf.index);
        put!(
            out,
            "<tr><th scope=\"row\" class=\"n\">{}</th><td>{}</td><td>{}</td><td>{}</td><td><a href=\"{folder}/statement.dsse.json\">\
             statement</a> <a href=\"{folder}/inclusion.tlog-proof\">proof</a>",
            leaf.index,
            leaf.kind,
            escape(&leaf.subject),
            escape(&leaf.said)
        );
        if leaf.document {
            put!(out, " <a href=\"{folder}/document\">document</a>");
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div></details>\n");
}
