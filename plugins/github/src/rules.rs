//! What protects one branch: GitHub's older branch protection, its rulesets, and the two taken together.
//!
//! Both may hold for one branch, and the stricter of them counts. Where one of them may not be read, what the other
//! requires is still known; what it does not require is not.
//! <https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/about-rulesets>

use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Branch protection.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Protection {
    pub(crate) required_status_checks: Option<StatusChecks>,
    enforce_admins: Option<Switch>,
    pub(crate) required_pull_request_reviews: Option<Reviews>,
    pub(crate) required_linear_history: Option<Switch>,
    pub(crate) allow_force_pushes: Option<Switch>,
    pub(crate) allow_deletions: Option<Switch>,
    pub(crate) required_conversation_resolution: Option<Switch>,
    pub(crate) required_signatures: Option<Switch>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct StatusChecks {
    #[serde(default)]
    pub(crate) contexts: Vec<String>,
    #[serde(default)]
    pub(crate) checks: Vec<Context_>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Context_ {
    pub(crate) context: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Switch {
    pub(crate) enabled: Option<bool>,
}

/// Whether a switch is on; one that is absent is off.
pub(crate) fn is_on(switch: Option<&Switch>) -> bool {
    switch.and_then(|switch| switch.enabled) == Some(true)
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reviews {
    pub(crate) dismiss_stale_reviews: Option<bool>,
    pub(crate) require_code_owner_reviews: Option<bool>,
    pub(crate) required_approving_review_count: Option<u64>,
    pub(crate) require_last_push_approval: Option<bool>,
    bypass_pull_request_allowances: Option<Allowances>,
}

#[derive(Debug, Deserialize)]
struct Allowances {
    #[serde(default)]
    users: Vec<Named>,
    #[serde(default)]
    teams: Vec<Named>,
    #[serde(default)]
    apps: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    login: Option<String>,
    slug: Option<String>,
}

/// One rule that holds for a branch, of whichever ruleset.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) parameters: Parameters,
    pub(crate) ruleset_id: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Parameters {
    pub(crate) dismiss_stale_reviews_on_push: Option<bool>,
    pub(crate) require_code_owner_review: Option<bool>,
    pub(crate) require_last_push_approval: Option<bool>,
    pub(crate) required_approving_review_count: Option<u64>,
    pub(crate) required_review_thread_resolution: Option<bool>,
    #[serde(default)]
    pub(crate) required_status_checks: Vec<Context_>,
}

/// A ruleset, for who may pass by it.
#[derive(Debug, Deserialize)]
pub(crate) struct Ruleset {
    pub(crate) name: Option<String>,
    pub(crate) source_type: Option<String>,
    /// Shown to those alone who may change the ruleset.
    pub(crate) bypass_actors: Option<Vec<Actor>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Actor {
    actor_id: Option<i64>,
    actor_type: Option<String>,
    bypass_mode: Option<String>,
}

/// The repository role of administrators, which cannot be given another number.
/// <https://docs.github.com/en/rest/repos/rules#create-a-repository-ruleset>
const ADMIN_ROLE: i64 = 5;

impl Actor {
    fn is_admin(&self) -> bool {
        match self.actor_type.as_deref() {
            Some("OrganizationAdmin" | "EnterpriseOwner") => true,
            Some("RepositoryRole") => self.actor_id == Some(ADMIN_ROLE),
            _ => false,
        }
    }

    /// `Team:12 (pull_request)`, `OrganizationAdmin (always)`.
    fn shown(&self) -> String {
        let kind = self.actor_type.as_deref().unwrap_or("unknown");
        let mode = self.bypass_mode.as_deref().unwrap_or("unknown");
        match self.actor_id.filter(|_| kind != "OrganizationAdmin") {
            Some(id) => format!("{kind}:{id} ({mode})"),
            None => format!("{kind} ({mode})"),
        }
    }
}

/// What GitHub says of one of the two.
#[derive(Debug)]
pub(crate) enum Told<T> {
    /// This holds.
    Is(T),
    /// There is none.
    None,
    /// It may not be read.
    Withheld,
}

/// Everything about one branch.
pub(crate) struct Branch<'a> {
    pub(crate) protection: Told<Protection>,
    pub(crate) rules: Told<Vec<Rule>>,
    /// Rulesets by id; one that is not among them could not be read.
    pub(crate) rulesets: &'a BTreeMap<u64, Ruleset>,
}

impl Branch<'_> {
    /// Whether either of them says so; none where it is not known.
    pub(crate) fn either(
        &self,
        protection: impl Fn(&Protection) -> bool,
        rule: impl Fn(&Rule) -> bool,
    ) -> Option<bool> {
        let by_protection = match &self.protection {
            Told::Is(p) => Some(protection(p)),
            Told::None => Some(false),
            Told::Withheld => None,
        };
        let by_rules = match &self.rules {
            Told::Is(rules) => Some(rules.iter().any(rule)),
            Told::None => Some(false),
            Told::Withheld => None,
        };
        match (by_protection, by_rules) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        }
    }

    pub(crate) fn has_rule(&self, kind: &str) -> bool {
        self.rules().iter().any(|rule| rule.r#type == kind)
    }

    fn rules(&self) -> &[Rule] {
        match &self.rules {
            Told::Is(rules) => rules,
            _ => &[],
        }
    }

    /// Whether both could be read.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self.protection, Told::Withheld) && !matches!(self.rules, Told::Withheld)
    }

    fn reviews(&self) -> Option<&Reviews> {
        match &self.protection {
            Told::Is(protection) => protection.required_pull_request_reviews.as_ref(),
            _ => None,
        }
    }

    /// The most that either asks for; none where it is not known.
    pub(crate) fn approvals(&self) -> Option<u64> {
        let by_rules = self.rules().iter().filter_map(|rule| rule.parameters.required_approving_review_count);
        let asked = by_rules.chain(self.reviews().and_then(|r| r.required_approving_review_count)).max();
        self.is_known().then(|| asked.unwrap_or(0))
    }

    /// Names of the checks that must pass, each once.
    pub(crate) fn checks(&self) -> Option<Vec<String>> {
        let mut names = BTreeSet::new();
        if let Told::Is(Protection { required_status_checks: Some(checks), .. }) = &self.protection {
            names.extend(checks.contexts.iter().cloned());
            names.extend(checks.checks.iter().map(|check| check.context.clone()));
        }
        let by_rules = self.rules().iter().flat_map(|rule| &rule.parameters.required_status_checks);
        names.extend(by_rules.map(|check| check.context.clone()));
        self.is_known().then(|| names.into_iter().collect())
    }

    fn is_pull_request(rule: &Rule) -> bool {
        rule.r#type == "pull_request"
    }

    /// Rulesets that rules of this sort are of; of any sort where none is of this.
    fn rulesets_of(&self, sort: impl Fn(&Rule) -> bool) -> BTreeSet<u64> {
        let of = |rules: &[&Rule]| rules.iter().filter_map(|rule| rule.ruleset_id).collect();
        let rules: Vec<&Rule> = self.rules().iter().collect();
        let sorted: Vec<&Rule> = rules.iter().copied().filter(|rule| sort(rule)).collect();
        if sorted.is_empty() { of(&rules) } else { of(&sorted) }
    }

    /// Whether administrators are bound by what asks for a pull request, or else by anything at all. None where
    /// nothing protects the branch, or it is not known.
    pub(crate) fn binds_admins(&self) -> Option<bool> {
        let by_protection = match &self.protection {
            Told::Is(protection) => {
                let counts =
                    protection.required_pull_request_reviews.is_some() || !self.has_rule("pull_request");
                counts.then(|| is_on(protection.enforce_admins.as_ref()))
            }
            _ => None,
        };
        let by_rulesets = self.rulesets_of(Self::is_pull_request).into_iter().map(|id| {
            let actors = self.rulesets.get(&id)?.bypass_actors.as_ref()?;
            Some(!actors.iter().any(Actor::is_admin))
        });
        let told: Vec<Option<bool>> = by_rulesets.chain(by_protection.map(Some)).collect();
        if told.contains(&Some(true)) {
            return Some(true);
        }
        (self.is_known() && !told.is_empty() && !told.contains(&None)).then_some(false)
    }

    /// Who may pass by it, and whether that is all of them.
    pub(crate) fn bypass(&self) -> (Vec<String>, bool) {
        let mut names = BTreeSet::new();
        if let Told::Is(protection) = &self.protection
            && !is_on(protection.enforce_admins.as_ref())
        {
            names.insert("administrators".to_owned());
        }
        if let Some(allowed) = self.reviews().and_then(|r| r.bypass_pull_request_allowances.as_ref()) {
            let lists = [("user", &allowed.users), ("team", &allowed.teams), ("app", &allowed.apps)];
            for (kind, name) in lists.into_iter().flat_map(|(kind, of)| of.iter().map(move |n| (kind, n))) {
                let name = name.slug.as_deref().or(name.login.as_deref()).unwrap_or("unknown");
                names.insert(format!("{kind}:{name}"));
            }
        }
        let mut is_whole = self.is_known();
        for id in self.rules().iter().filter_map(|rule| rule.ruleset_id).collect::<BTreeSet<u64>>() {
            match self.rulesets.get(&id).and_then(|ruleset| ruleset.bypass_actors.as_ref()) {
                Some(actors) => names.extend(actors.iter().map(Actor::shown)),
                None => is_whole = false,
            }
        }
        (names.into_iter().collect(), is_whole)
    }

    /// Names of the rulesets that hold, `Organization: main is reviewed`.
    pub(crate) fn ruleset_names(&self) -> Vec<String> {
        let ids: BTreeSet<u64> = self.rules().iter().filter_map(|rule| rule.ruleset_id).collect();
        let name = |id: &u64| match self.rulesets.get(id) {
            Some(Ruleset { name: Some(name), source_type: Some(kind), .. }) => format!("{kind}: {name}"),
            _ => id.to_string(),
        };
        ids.iter().map(name).collect()
    }
}
