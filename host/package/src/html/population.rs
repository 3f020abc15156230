//! One population: what it is, how each of its lists was made (the auditor's IPE facts), how to check a record.

use super::markup::{basis_word, counted, escape, fact, grouped, minute, shape_word, verdict_badge};
use super::shell;
use crate::contents::{Contents, PopulationContents, RunContents};
use crate::put;
use exhibit_evidence::kind::Shape;
use exhibit_evidence::run::Population;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn page(contents: &Contents, population: &PopulationContents) -> String {
    let runs = &population.runs;
    let mut out = String::new();
    put!(out, "<h1>{}</h1>\n<dl class=\"facts\">\n", escape(&runs.title));
    fact(&mut out, "Source", &runs.source);
    fact(&mut out, "Kind", format!("<code>{}</code>, {}", runs.kind, shape_word(runs.shape)));
    fact(&mut out, "Items in the period", grouped(population.keys));
    if let (Shape::State, Some(last)) = (runs.shape, runs.runs.last()) {
        let at_end = format!("{} ({})", grouped(last.records), minute(last.started_at));
        fact(&mut out, "Items at the last run", at_end);
    }
    fact(&mut out, "Runs that looked", counted(runs.runs.len(), "run", "runs"));
    fact(&mut out, "Distinct lines", grouped(population.lines));
    fact(&mut out, "Rows of the table", grouped(population.rows));
    out.push_str("</dl>\n");
    files(&mut out, population);
    list_facts(&mut out, contents, population);
    columns(&mut out, runs.shape);
    check(&mut out, runs.shape);
    shell(&contents.meta, "../../../", &format!("{} of {}", runs.kind, runs.source), &out)
}

fn files(out: &mut String, population: &PopulationContents) {
    put!(
        out,
        "<p class=\"files\"><a class=\"button\" href=\"population.csv\">population.csv</a> \
         <a class=\"button\" href=\"../../../populations.xlsx\">populations.xlsx</a> <span>sheet {}</span> \
         <a href=\"records.jsonl\">records.jsonl</a> <a href=\"index.jsonl\">index.jsonl</a> \
         <a href=\"runs.json\">runs.json</a></p>\n",
        escape(population.sheets.join(", "))
    );
}

fn list_facts(out: &mut String, contents: &Contents, population: &PopulationContents) {
    let queries: BTreeSet<&str> = population.facts(contents).map(|(_, p)| p.query.as_str()).collect();
    let mut filtered: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in population.facts(contents).flat_map(|(_, p)| &p.filtered) {
        *filtered.entry(reason).or_default() += count;
    }
    out.push_str(
        "<h2>How the list was made</h2>\n<p>The host wrote these facts down, not the connector. \
         <b>Received</b> are the items that the host counted in the source's answers; <b>covered</b> of them became \
         records, <b>filtered</b> were left out on purpose, <b>rejected</b> broke a rule and are kept with the run. \
         <b>Host-paged</b> means that the host itself walked every page to the end that the source declares; \
         <b>connector-asserted</b> means that the connector's word is all there is.</p>\n<dl class=\"facts\">\n",
    );
    for query in &queries {
        fact(out, "Asked", escape(query));
    }
    for (reason, count) in &filtered {
        fact(out, "Filtered, over all runs", format!("{}: {}", grouped(*count), escape(reason)));
    }
    out.push_str("</dl>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    let left = ["Run", "Verdict"];
    let numbers =
        ["Lists", "Pages", "Received", "Covered", "Filtered", "Records", "Rejected", "Source&#39;s total"];
    let right =
        if queries.len() > 1 { vec!["Basis", "Clock skew", "Asked"] } else { vec!["Basis", "Clock skew"] };
    for (words, class) in [(&left[..], ""), (&numbers, " class=\"n\""), (&right, "")] {
        for word in words {
            put!(out, "<th scope=\"col\"{class}>{word}</th>");
        }
    }
    out.push_str("</tr></thead><tbody>\n");
    for (run, p) in population.facts(contents) {
        fact_row(out, run, p, queries.len() > 1);
    }
    out.push_str("</tbody></table></div>\n");
}

fn fact_row(out: &mut String, run: &RunContents, p: &Population, with_query: bool) {
    let manifest = &run.manifest;
    put!(
        out,
        "<tr><th scope=\"row\" class=\"t\"><a href=\"../../../runs/{0}/index.html\">{1}</a></th><td>{2}{3}</td>",
        manifest.run,
        minute(manifest.started_at),
        verdict_badge(&p.verdict),
        p.verdict.reason().map_or_else(String::new, |r| format!(" {}", escape(r)))
    );
    let total = p.source_total.map_or_else(|| "not stated".to_owned(), grouped);
    let filtered = p.filtered.values().sum();
    let counts = [p.lists, p.pages, p.received, p.covered, filtered, p.emitted, p.rejected].map(grouped);
    for number in counts.into_iter().chain([total]) {
        put!(out, "<td class=\"n\">{number}</td>");
    }
    let skew =
        manifest.skew.map_or_else(|| "unknown".to_owned(), |s| format!("{} … {} ms", s.min_ms, s.max_ms));
    let sealed = if p.sealed { "" } else { ", not sealed" };
    put!(out, "<td class=\"t\">{}{sealed}</td><td class=\"t\">{skew}</td>", basis_word(p.basis));
    if with_query {
        put!(out, "<td>{}</td>", escape(&p.query));
    }
    out.push_str("</tr>\n");
}

fn columns(out: &mut String, shape: Shape) {
    out.push_str("<h2>What the columns mean</h2>\n<dl class=\"facts\">\n");
    if shape == Shape::State {
        fact(
            out,
            "A row",
            "one item as it was, without change, from one run to another; an item that changed has several",
        );
        fact(out, "held_from, held_to", "the first and last run that saw it like this");
        fact(
            out,
            "held_at_end",
            "true: the last run of the period saw it; filter by it for the list at the end",
        );
        fact(out, "observations", "runs that saw it like this");
        fact(out, "longest_gap_days", "the longest time in which nobody looked");
    } else {
        fact(out, "A row", "one thing that happened, at <code>occurred_at</code>, by the source's own clock");
        fact(out, "collected_at, collected_by_run", "the run that added it");
    }
    fact(out, "unknown", "attributes that the source did not report; an empty cell is never a no");
    fact(out, "sha256", "digest of the line of records.jsonl whose number stands in the last column");
    fact(out, "a leading &#39;", "in the CSV, texts that a spreadsheet would run as a formula begin with it");
    out.push_str("</dl>\n");
}

fn check(out: &mut String, shape: Shape) {
    let tree = if shape == Shape::State {
        "every record that the run held"
    } else {
        "every record that the run added"
    };
    put!(
        out,
        "<h2>Check one record by hand</h2>\n<p>In this folder, for line 1: the digest in the table, then its leaf in \
         the tree over {tree}, in key order. The root of that tree is in <code>runs.json</code>, and in the run&#39;s \
         manifest, which the log proves.</p>\n\
         <pre><code>sed -n 1p records.jsonl | tr -d &#39;\\n&#39; | sha256sum\n\
         # SALT and SHA256 are in line 1 of index.jsonl\n\
         printf &#39;00%s%s&#39; SALT SHA256 | tr a-f A-F | basenc -d --base16 | sha256sum</code></pre>\n"
    );
}
