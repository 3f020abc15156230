//! Short titles of the 61 criteria, in words of our own. The criteria's text is AICPA's and is not here.

use exhibit_evidence::control::Criterion;

/// A short title for `criterion`, for headings. Not the standard's text.
pub fn title(criterion: Criterion) -> &'static str {
    TITLES.iter().find(|(id, _)| *id == criterion.id()).map_or("", |(_, title)| title)
}

const TITLES: [(&str, &str); 61] = [
    ("CC1.1", "Integrity and ethical values"),
    ("CC1.2", "Board independence and oversight"),
    ("CC1.3", "Structures, reporting lines and authority"),
    ("CC1.4", "Competent people"),
    ("CC1.5", "Accountability"),
    ("CC2.1", "Relevant, quality information"),
    ("CC2.2", "Communication inside"),
    ("CC2.3", "Communication outside"),
    ("CC3.1", "Clear objectives"),
    ("CC3.2", "Risk identification and analysis"),
    ("CC3.3", "Fraud risk"),
    ("CC3.4", "Change that matters to controls"),
    ("CC4.1", "Evaluations of controls"),
    ("CC4.2", "Deficiencies told and followed up"),
    ("CC5.1", "Control activities chosen"),
    ("CC5.2", "Technology controls chosen"),
    ("CC5.3", "Policies and procedures"),
    ("CC6.1", "Logical access security"),
    ("CC6.2", "Users registered and removed"),
    ("CC6.3", "Access by role and least privilege"),
    ("CC6.4", "Physical access"),
    ("CC6.5", "Disposal of assets"),
    ("CC6.6", "Protection from outside the boundary"),
    ("CC6.7", "Data in transit and on the move"),
    ("CC6.8", "Unauthorised or malicious software"),
    ("CC7.1", "Configuration and vulnerability monitoring"),
    ("CC7.2", "Anomaly monitoring"),
    ("CC7.3", "Security events evaluated"),
    ("CC7.4", "Incident response"),
    ("CC7.5", "Recovery from incidents"),
    ("CC8.1", "Change management"),
    ("CC9.1", "Business disruption"),
    ("CC9.2", "Vendors and partners"),
    ("A1.1", "Capacity"),
    ("A1.2", "Environment, backup and recovery infrastructure"),
    ("A1.3", "Recovery tested"),
    ("C1.1", "Confidential information kept"),
    ("C1.2", "Confidential information disposed of"),
    ("PI1.1", "Processing objectives and specifications"),
    ("PI1.2", "Inputs"),
    ("PI1.3", "Processing"),
    ("PI1.4", "Outputs"),
    ("PI1.5", "Storage of inputs, items and outputs"),
    ("P1.1", "Privacy notice"),
    ("P2.1", "Choice and consent"),
    ("P3.1", "Collection limited to objectives"),
    ("P3.2", "Explicit consent"),
    ("P4.1", "Use limited to purposes"),
    ("P4.2", "Retention"),
    ("P4.3", "Disposal of personal information"),
    ("P5.1", "Access by data subjects"),
    ("P5.2", "Correction"),
    ("P6.1", "Disclosure to third parties"),
    ("P6.2", "Record of authorised disclosures"),
    ("P6.3", "Record of unauthorised disclosures"),
    ("P6.4", "Vendors' privacy commitments"),
    ("P6.5", "Vendors' notice of unauthorised disclosure"),
    ("P6.6", "Notice of breaches"),
    ("P6.7", "Account of personal information held"),
    ("P7.1", "Quality of personal information"),
    ("P8.1", "Complaints and disputes"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_criterion_has_a_title() {
        for (id, (titled, _)) in Criterion::IDS.iter().zip(TITLES) {
            assert_eq!(*id, titled);
            assert!(!title(id.parse().unwrap()).is_empty());
        }
    }
}
