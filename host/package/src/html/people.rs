//! The section on joiners and leavers across systems.

use super::markup::{counted, escape, grouped, minute};
use crate::contents::Contents;
use crate::people::{Compared, People, Row};
use crate::put;

/// More findings than this are told by the table alone.
const MOST: usize = 200;

pub(super) fn section(out: &mut String, contents: &Contents) {
    let people = &contents.people;
    let Some(directory) = &people.directory else { return };
    put!(
        out,
        "<h2 id=\"people\">Joiners and leavers</h2>\n<p>By the directory of record, {directory}, {} and {} in the period. \
         Below is how the accounts in {} fit with it, person by person. Only a list that is complete shows that somebody is \
         not there.</p>\n",
        counted(people.joiners, "person joined", "people joined"),
        counted(people.leavers, "left", "left"),
        counted(people.systems.len(), "system", "systems")
    );
    systems(out, people);
    findings(out, people);
    out.push_str("<p class=\"files\"><a href=\"people.csv\">people.csv</a></p>\n");
}

fn systems(out: &mut String, people: &People) {
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">System</th>\
         <th scope=\"col\" class=\"n\">People</th><th scope=\"col\" class=\"n\">Joined</th>\
         <th scope=\"col\" class=\"n\">Left</th><th scope=\"col\" class=\"n\">Accounts of no person</th>\
         <th scope=\"col\" class=\"n\">Complete lists</th></tr></thead><tbody>\n",
    );
    for Compared { source, looks, complete, people: named, others } in &people.systems {
        let rows = || people.rows.iter().filter(move |row| row.source == *source);
        let number = |n: usize| grouped(n as u64);
        put!(
            out,
            "<tr><th scope=\"row\">{source}{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{} of {}</td></tr>\n",
            if people.directory.as_ref() == Some(source) { "<small>directory of record</small>" } else { "" },
            number(*named),
            number(rows().filter(|row| row.joined().is_some()).count()),
            number(rows().filter(|row| row.left.is_some()).count()),
            number(*others),
            number(*complete),
            number(*looks)
        );
    }
    out.push_str("</tbody></table></div>\n");
}

fn findings(out: &mut String, people: &People) {
    let found: Vec<&Row> = people.rows.iter().filter(|row| !row.findings.is_empty()).collect();
    if found.is_empty() {
        out.push_str("<p>Nothing that does not fit was found.</p>\n");
        return;
    }
    out.push_str(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">Person</th><th scope=\"col\">System</th>\
         <th scope=\"col\">What does not fit</th><th scope=\"col\">Seen active</th></tr></thead><tbody>\n",
    );
    for row in found.iter().take(MOST) {
        let says: Vec<String> = row.findings.iter().map(|finding| finding.says()).collect();
        let seen = match (row.active_from, row.active_to) {
            (Some(from), Some(to)) => format!("{} to {}", minute(from), minute(to)),
            _ => "–".to_owned(),
        };
        put!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"t\">{seen}</td></tr>\n",
            escape(row.person.strip_prefix("person:").unwrap_or(&row.person)),
            row.source,
            escape(says.join("; "))
        );
    }
    out.push_str("</tbody></table></div>\n");
    if found.len() > MOST {
        put!(out, "<p>And {} more, in people.csv.</p>\n", grouped((found.len() - MOST) as u64));
    }
}
