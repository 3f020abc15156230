//! Departments, groups, applications and sign-on policies: what the organisation is made of whatever its seed.

use crate::random::okta_id;

/// Part of the organisation that people work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Department {
    pub(crate) name: &'static str,
    pub(crate) group: Slot,
    /// How many of a hundred people work here.
    pub(crate) weight: u64,
    pub(crate) titles: &'static [&'static str],
}

pub(crate) const ENGINEERING: usize = 0;
pub(crate) const IT: usize = 1;
pub(crate) const SECURITY: usize = 2;

pub(crate) const DEPARTMENTS: [Department; 9] = [
    Department {
        name: "Engineering",
        group: Slot::Engineering,
        weight: 36,
        titles: &["Software Engineer", "Senior Software Engineer", "Staff Engineer", "Engineering Manager"],
    },
    Department {
        name: "IT",
        group: Slot::It,
        weight: 4,
        titles: &["Systems Administrator", "IT Support Specialist"],
    },
    Department {
        name: "Security",
        group: Slot::Security,
        weight: 4,
        titles: &["Security Engineer", "Compliance Analyst"],
    },
    Department {
        name: "Product",
        group: Slot::Product,
        weight: 9,
        titles: &["Product Manager", "Product Designer", "Researcher"],
    },
    Department {
        name: "Sales",
        group: Slot::Sales,
        weight: 20,
        titles: &["Account Executive", "Sales Engineer", "Sales Operations Analyst"],
    },
    Department {
        name: "Support",
        group: Slot::Support,
        weight: 14,
        titles: &["Support Engineer", "Customer Success Manager"],
    },
    Department {
        name: "Finance",
        group: Slot::Finance,
        weight: 6,
        titles: &["Accountant", "Financial Analyst"],
    },
    Department { name: "People", group: Slot::People, weight: 4, titles: &["Recruiter", "People Partner"] },
    Department { name: "Legal", group: Slot::Legal, weight: 3, titles: &["Counsel", "Contracts Manager"] },
];

/// A group, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Slot {
    Everyone,
    Engineering,
    It,
    Security,
    Product,
    Sales,
    Support,
    Finance,
    People,
    Legal,
    Contractors,
    Services,
    HelpDesk,
    CloudDevelopers,
    Production,
    Payroll,
    Board,
}

/// An administrator role of Okta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleKind {
    Super,
    Org,
    HelpDesk,
    ReadOnly,
}

impl RoleKind {
    /// The value of `type` in Okta's API.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Super => "SUPER_ADMIN",
            Self::Org => "ORG_ADMIN",
            Self::HelpDesk => "HELP_DESK_ADMIN",
            Self::ReadOnly => "READ_ONLY_ADMIN",
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Super => "Super Administrator",
            Self::Org => "Organization Administrator",
            Self::HelpDesk => "Help Desk Administrator",
            Self::ReadOnly => "Read-only Administrator",
        }
    }
}

/// A group of people.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) slot: Slot,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) role: Option<RoleKind>,
}

/// Every group, the built-in one first.
pub(crate) fn groups(seed: u64) -> Vec<Group> {
    let group = |slot: Slot, name, description, role| Group {
        id: okta_id(seed, "00g", &format!("{slot:?}")),
        slot,
        name,
        description,
        role,
    };
    let mut groups = vec![group(Slot::Everyone, "Everyone", "All users in your organization", None)];
    groups.extend(DEPARTMENTS.iter().map(|d| {
        let role = (d.group == Slot::Security).then_some(RoleKind::ReadOnly);
        group(d.group, d.name, "Department, fed by the people system", role)
    }));
    groups.extend([
        group(Slot::Contractors, "Contractors", "People who work here and are employed elsewhere", None),
        group(Slot::Services, "Service Accounts", "Accounts that no person signs in to", None),
        group(Slot::HelpDesk, "Help Desk", "May reset passwords and factors", Some(RoleKind::HelpDesk)),
        group(Slot::CloudDevelopers, "AWS Developers", "May sign in to the AWS account", None),
        group(Slot::Production, "Production Access", "On call for production", None),
        group(Slot::Payroll, "Payroll", "May see salaries", None),
        group(Slot::Board, "Board Portal", "Nobody yet", None),
    ]);
    groups
}

/// An application that people reach through Okta.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    /// Okta's key for the integration.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) active: bool,
    /// Groups assigned, in order of priority.
    pub(crate) groups: &'static [Slot],
    /// Assigned to administrators one by one.
    pub(crate) admins: bool,
}

/// Every application.
pub(crate) fn apps(seed: u64) -> Vec<App> {
    let app = |name, label, mode, groups| App {
        id: okta_id(seed, "0oa", label),
        name,
        label,
        mode,
        active: true,
        groups,
        admins: false,
    };
    let mut apps = vec![
        App { admins: true, ..app("saasure", "Okta Admin Console", "OPENID_CONNECT", &[]) },
        app("okta_enduser", "Okta Dashboard", "OPENID_CONNECT", &[Slot::Everyone]),
        app("google", "Mail and Calendar", "SAML_2_0", &[Slot::Everyone]),
        app("slack", "Chat", "SAML_2_0", &[Slot::Everyone]),
        app(
            "amazon_aws_sso",
            "AWS IAM Identity Center",
            "SAML_2_0",
            &[Slot::CloudDevelopers, Slot::Production],
        ),
        app(
            "githubcloud",
            "Source Code",
            "SAML_2_0",
            &[Slot::Engineering, Slot::Security, Slot::Contractors],
        ),
        app("atlassian", "Tickets", "SAML_2_0", &[Slot::Engineering, Slot::It, Slot::Product, Slot::Support]),
        app("salesforce", "Customers", "SAML_2_0", &[Slot::Sales, Slot::Support]),
        app("datadog", "Monitoring", "SAML_2_0", &[Slot::Engineering]),
        app("bookkeeping", "Ledger and Invoices", "BOOKMARK", &[Slot::Finance]),
        app("payroll_oidc", "Payroll", "OPENID_CONNECT", &[Slot::Payroll]),
        app(
            "office365",
            "Microsoft Azure",
            "SAML_2_0",
            &[Slot::Engineering, Slot::It, Slot::Security, Slot::Contractors],
        ),
        app("pulumi", "Infrastructure", "SAML_2_0", &[Slot::Engineering, Slot::Security]),
        app("template_saml_2_0", "Old Intranet", "SAML_2_0", &[]),
    ];
    if let Some(old) = apps.last_mut() {
        old.active = false;
    }
    apps
}
