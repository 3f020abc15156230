//! `exhibit connector table`, and the file in the repository that it prints.

use exhibit_tests::command::Exhibit;
use exhibit_tests::tools::repository;
use std::collections::BTreeSet;
use std::fs::read_to_string;

#[test]
fn the_table_in_the_repository_is_what_the_command_prints() {
    let dir = tempfile::tempdir().unwrap();
    let exhibit = Exhibit::at(dir.path());
    let printed = exhibit.run(&["connector", "table"]).ok().stdout;
    let file = read_to_string(repository().join("plugins/README.md")).unwrap();
    assert!(printed == file, "to write it anew: exhibit connector table > plugins/README.md\n{printed}");

    // Every kind of every manifest has a row, with criteria and permissions.
    let rows: Vec<Vec<&str>> =
        file.lines().filter(|line| line.starts_with("| [")).map(|line| line.split(" | ").collect()).collect();
    let mut found = BTreeSet::new();
    for row in &rows {
        let [connector, kind, criteria, permissions] = row[..] else { panic!("{row:?}") };
        let connector = connector.trim_start_matches("| [").split(']').next().unwrap();
        assert!(criteria.starts_with("CC") || criteria.starts_with("A1"), "{row:?}: a control proves it");
        assert!(permissions.trim_end_matches('|').trim().len() > 3, "{row:?}: something must be granted");
        assert!(found.insert((connector, kind.trim_matches('`'))), "{row:?} is there twice");
    }
    let mut declared = BTreeSet::new();
    let manifests: Vec<(String, String)> = std::fs::read_dir(repository().join("plugins"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let text = read_to_string(path.join("connector.toml")).ok()?;
            Some((path.file_name().unwrap().to_str().unwrap().to_owned(), text))
        })
        .collect();
    for (connector, manifest) in &manifests {
        let kinds = manifest.split("kinds = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
        declared.extend(kinds.split('"').skip(1).step_by(2).map(|kind| (connector.as_str(), kind)));
    }
    assert_eq!(found, declared);
    let json = exhibit.run(&["connector", "table", "--format", "json"]).ok().json();
    assert_eq!(json.as_array().unwrap().len(), rows.len());
}
