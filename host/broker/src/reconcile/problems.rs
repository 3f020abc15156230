//! What is wrong with a population, in words.

use exhibit_evidence::run::Verdict;
use std::fmt;

/// A verdict names so many problems; of more it tells the number.
const MAX_PROBLEMS: usize = 5;

/// What is wrong with a population, each thing once, in the order of finding.
#[derive(Clone, Default)]
pub(super) struct Problems(Vec<Problem>);

#[derive(Clone)]
struct Problem {
    text: String,
    count: u64,
    /// The first list that has it.
    list: Option<String>,
}

impl Problems {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.0.iter().any(|problem| problem.text == text)
    }

    pub(super) fn add(&mut self, text: impl Into<String>) {
        self.count(text.into(), None);
    }

    pub(super) fn add_list(&mut self, text: String, list: &str) {
        self.count(text, Some(list));
    }

    fn count(&mut self, text: String, list: Option<&str>) {
        match self.0.iter_mut().find(|known| known.text == text && known.list.is_some() == list.is_some()) {
            Some(known) => known.count += 1,
            None => self.0.push(Problem { text, count: 1, list: list.map(str::to_owned) }),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        if self.0.is_empty() {
            return Verdict::Complete;
        }
        let mut reason =
            self.0.iter().take(MAX_PROBLEMS).map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if self.0.len() > MAX_PROBLEMS {
            reason.push_str(&format!("; and {} more", self.0.len() - MAX_PROBLEMS));
        }
        Verdict::Partial(reason)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, count, list } = self;
        match list {
            Some(list) if *count == 1 => write!(f, "{list}: {text}"),
            Some(list) => write!(f, "{text}: {count} lists, the first {list}"),
            None if *count == 1 => f.write_str(text),
            None => write!(f, "{text} ({count} times)"),
        }
    }
}
