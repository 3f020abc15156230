//! The catalogue of controls: what the organisation does, which criteria that serves, and which evidence
//! proves it.
//!
//! Controls are TOML files of `[[control]]` tables. Reading them is pure: texts go in, a [`Catalogue`] or
//! a [`CatalogueError`] with file, line and hint comes out. Nothing here knows what was collected.
//!
//! ```toml
//! [[control]]
//! id = "AC-03"
//! title = "Workforce accounts use multi-factor authentication"
//! criteria = ["CC6.1"]
//! frequency = "daily"   # continuous, daily, weekly, monthly, quarterly, annual, per_event
//! owner = "IT security"
//!
//! [[control.evidence]]
//! kind = "identity.account@1"
//! sources = ["okta-prod"]   # leave out: every source whose connector has the kind
//! ```
//!
//! A control that no API proves, or not alone, asks people: `manual = "Signed minutes of the access review"` has
//! `exhibit attach` fill each of its periods.

mod criteria;

pub use criteria::title as criterion_title;

use exhibit_evidence::control::{Control, ControlId};
use exhibit_evidence::kind::Kind;
use exhibit_evidence::name::SourceName;
use exhibit_evidence::period::CollectionPeriod;
use exhibit_evidence::run::Fill;
use exhibit_evidence::time::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The starter set that `exhibit init` writes: what the connectors that come with Exhibit can prove.
pub const STARTER: &[(&str, &str)] = &[
    ("access.toml", include_str!("../starter/access.toml")),
    ("change.toml", include_str!("../starter/change.toml")),
    ("infrastructure.toml", include_str!("../starter/infrastructure.toml")),
    ("operations.toml", include_str!("../starter/operations.toml")),
];

/// Controls by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    controls: BTreeMap<ControlId, Control>,
}

/// A file of controls that cannot be used. Printed as `file:line: what`, with a hint apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct CatalogueError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    control: Vec<toml::Spanned<Control>>,
}

impl Catalogue {
    /// Reads files, each a name and its text. `kinds` are those that any record can have.
    pub fn read<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        kinds: &BTreeSet<Kind>,
    ) -> Result<Self, CatalogueError> {
        let mut controls: BTreeMap<ControlId, Control> = BTreeMap::new();
        let mut written_at: BTreeMap<ControlId, String> = BTreeMap::new();
        for (file, text) in files {
            let parsed: File = toml::from_str(text).map_err(|error| from_toml(file, text, &error))?;
            for control in parsed.control {
                let line = line_of(text, control.span().start);
                let control = control.into_inner();
                let fail = |what: String, hint: String| CatalogueError {
                    file: file.to_owned(),
                    line: line_of_value(text, line, &what),
                    what,
                    hint,
                };
                check(&control, kinds).map_err(|(what, hint)| fail(what, hint))?;
                if let Some(first) = written_at.get(&control.id) {
                    let what = format!("control `{}` is already at {first}", control.id);
                    return Err(fail(what, "give each control an id of its own".into()));
                }
                written_at.insert(control.id.clone(), format!("{file}:{line}"));
                controls.insert(control.id.clone(), control);
            }
        }
        Ok(Self { controls })
    }

    /// The controls, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Control> {
        self.controls.values()
    }

    /// A control by id.
    pub fn get(&self, id: &ControlId) -> Option<&Control> {
        self.controls.get(id)
    }

    /// Which collection periods a state observation of `kind` from `source` at `at` fills: for each control
    /// that it proves, the period that contains the observation.
    pub fn fills_at(&self, kind: &Kind, source: &SourceName, at: Timestamp) -> Vec<Fill> {
        self.proven_by(kind, source)
            .map(|control| fill(control, kind, control.frequency.period_at(at)))
            .collect()
    }

    /// Which collection periods a window of events or acts of `kind` from `source` contributes to: for each
    /// control that it proves, every period that the window touches. Whether a period is filled follows from
    /// the windows of all runs together.
    pub fn fills_within(
        &self,
        kind: &Kind,
        source: &SourceName,
        window: exhibit_evidence::time::Span,
    ) -> Vec<Fill> {
        let mut fills = Vec::new();
        for control in self.proven_by(kind, source) {
            let first = control.frequency.period_at(window.start);
            let whole = exhibit_evidence::time::Span { start: first.span().start, end: window.end };
            let periods = control.frequency.periods_in(whole);
            fills.extend(periods.into_iter().map(|period| fill(control, kind, period)));
        }
        fills
    }

    fn proven_by(&self, kind: &Kind, source: &SourceName) -> impl Iterator<Item = &Control> {
        self.controls.values().filter(|control| control.is_proven_by(kind, source))
    }
}

fn fill(control: &Control, kind: &Kind, period: CollectionPeriod) -> Fill {
    Fill { control: control.id.clone(), period, kind: kind.clone() }
}

fn check(control: &Control, kinds: &BTreeSet<Kind>) -> Result<(), (String, String)> {
    let id = &control.id;
    if control.title.trim().is_empty() {
        return Err((format!("control `{id}` has an empty title"), "say in one line what is done".into()));
    }
    if control.owner.trim().is_empty() {
        return Err((
            format!("control `{id}` has an empty owner"),
            "name the role that answers for it".into(),
        ));
    }
    if control.criteria.is_empty() {
        return Err((
            format!("control `{id}` serves no criterion"),
            "list at least one, for example criteria = [\"CC6.1\"]".into(),
        ));
    }
    if control.manual.as_ref().is_some_and(|words| words.trim().is_empty()) {
        return Err((
            format!("control `{id}` has an empty manual"),
            "say in one line what is attached for every period".into(),
        ));
    }
    if control.evidence.is_empty() && control.manual.is_none() {
        return Err((
            format!("control `{id}` names no evidence"),
            "add [[control.evidence]] with a kind, for example identity.account@1, or manual = \"what is attached\""
                .into(),
        ));
    }
    for proof in &control.evidence {
        if !kinds.contains(&proof.kind) {
            let wanted = proof.kind.to_string();
            let near = kinds
                .iter()
                .map(Kind::to_string)
                .max_by(|a, b| strsim::jaro_winkler(a, &wanted).total_cmp(&strsim::jaro_winkler(b, &wanted)));
            let hint = near.map_or_else(
                || "install the connector that brings it".to_owned(),
                |near| format!("did you mean `{near}`? `exhibit evidence kinds` lists them all"),
            );
            return Err((format!("control `{id}` asks for the kind `{wanted}`, which does not exist"), hint));
        }
    }
    Ok(())
}

fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> CatalogueError {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    let what = error.message().trim().to_owned();
    let hint = if what.starts_with("unknown field") {
        "remove the key, or correct its name".to_owned()
    } else if what.starts_with("missing field") {
        "a control has id, title, criteria, frequency, owner, and [[control.evidence]] or manual".to_owned()
    } else {
        "see the example at the head of the starter files".to_owned()
    };
    CatalogueError { file: file.to_owned(), line, what, hint }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

/// The line at or after `from` that holds the last quoted word of `what`; `from` where none does.
fn line_of_value(text: &str, from: usize, what: &str) -> usize {
    let word = what.rsplit('`').nth(1).unwrap_or_default();
    text.lines()
        .enumerate()
        .skip(from - 1)
        .find(|(_, line)| !word.is_empty() && line.contains(word))
        .map_or(from, |(i, _)| i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[control]]\nid = \"AC-03\"\ntitle = \"MFA\"\ncriteria = [\"CC6.1\"]\nfrequency = \"daily\"\nowner = \"IT\"\n\n[[control.evidence]]\nkind = \"identity.account@1\"\n";

    fn kinds() -> BTreeSet<Kind> {
        exhibit_evidence::kind::builtin().into_iter().map(|spec| spec.kind).collect()
    }

    fn read(text: &str) -> Result<Catalogue, CatalogueError> {
        Catalogue::read([("controls/a.toml", text)], &kinds())
    }

    fn error(find: &str, replace: &str) -> String {
        assert!(GOOD.contains(find), "{find}");
        let error = read(&GOOD.replace(find, replace)).unwrap_err();
        assert!(!error.hint.is_empty());
        error.to_string()
    }

    #[test]
    fn the_starter_set_reads_and_is_not_small() {
        let catalogue = Catalogue::read(STARTER.iter().copied(), &kinds()).unwrap();
        assert!(catalogue.iter().count() >= 24, "{}", catalogue.iter().count());
    }

    #[test]
    fn errors_name_file_line_and_cause() {
        assert!(read(GOOD).is_ok());
        assert!(
            error("\"CC6.1\"", "\"CC6.9\"").starts_with("controls/a.toml:4: `CC6.9` is not one of the 61")
        );
        assert!(error("owner", "ovner").starts_with("controls/a.toml:6: unknown field `ovner`"));
        assert!(error("owner = \"IT\"\n", "").contains("missing field `owner`"));
        assert!(error("\"daily\"", "\"dayly\"").starts_with("controls/a.toml:5: unknown variant `dayly`"));
        assert!(
            error("identity.account@1", "identity.acount@1")
                .starts_with("controls/a.toml:9: control `AC-03` asks")
        );
        assert!(error("[\"CC6.1\"]", "[]").contains("serves no criterion"));
        assert!(error("\"MFA\"", "\" \"").contains("empty title"));
        let manual = |words: &str| {
            let without = GOOD.split("\n[[control.evidence]]").next().unwrap();
            read(&format!("{without}manual = \"{words}\"\n"))
        };
        assert_eq!(manual("Minutes").unwrap().iter().next().unwrap().manual.as_deref(), Some("Minutes"));
        assert!(manual(" ").unwrap_err().to_string().contains("empty manual"));
        assert!(error("id = ", "id = = ").starts_with("controls/a.toml:2:"));
    }

    #[test]
    fn one_id_in_two_files_is_an_error() {
        let error = Catalogue::read([("a.toml", GOOD), ("b.toml", GOOD)], &kinds()).unwrap_err();
        assert_eq!(error.to_string(), "b.toml:2: control `AC-03` is already at a.toml:1");
    }

    #[test]
    fn a_window_contributes_to_every_period_that_it_touches() {
        let catalogue = read(GOOD).unwrap();
        let kind = "identity.account@1".parse().unwrap();
        let source = "okta-prod".parse().unwrap();
        let window = exhibit_evidence::time::Span {
            start: "2026-03-03T22:00:00Z".parse().unwrap(),
            end: "2026-03-06T01:00:00Z".parse().unwrap(),
        };
        let periods: Vec<String> =
            catalogue.fills_within(&kind, &source, window).iter().map(|f| f.period.to_string()).collect();
        assert_eq!(periods, ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]);
        let at = catalogue.fills_at(&kind, &source, window.start);
        assert_eq!(at.len(), 1);
        assert_eq!(at[0].period.to_string(), "2026-03-03");
    }
}
