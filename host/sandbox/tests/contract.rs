//! The contract within a track only ever grows: `wit/0.1/connector.wit` beside every text that was released of it.
//!
//! Allowed is what `wit/README.md` allows: new functions in imported interfaces, new imported interfaces. Records,
//! enums, parameters, results and all exports are frozen, since adding to them breaks every compiled connector.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wit_parser::{Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem, WorldKey};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

/// A world as names and shapes: what must not change, and what may only be added to.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
struct Surface {
    /// Imported functions, and exported ones, by `import fetch.send`.
    functions: BTreeMap<String, String>,
    /// Types, by `fetch.request`.
    types: BTreeMap<String, String>,
}

impl Surface {
    fn read(text: &str, name: &str) -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_source(name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let world: WorldId = resolve.select_world(&[package], Some("connector")).unwrap();
        let mut surface = Self::default();
        for (direction, items) in
            [("import", &resolve.worlds[world].imports), ("export", &resolve.worlds[world].exports)]
        {
            for (key, item) in items {
                let WorldItem::Interface { id, .. } = item else {
                    panic!("{direction} is no interface: {item:?}")
                };
                let WorldKey::Interface(_) = key else { panic!("{direction} is named inline") };
                let interface = &resolve.interfaces[*id];
                let name = interface.name.clone().unwrap();
                for (function, what) in &interface.functions {
                    let parameters: Vec<String> = what
                        .params
                        .iter()
                        .map(|p| format!("{}: {}", p.name, shape(&resolve, &p.ty)))
                        .collect();
                    let result = what.result.as_ref().map(|ty| shape(&resolve, ty));
                    let signature = format!("({}) -> {result:?}", parameters.join(", "));
                    surface.functions.insert(format!("{direction} {name}.{function}"), signature);
                }
                for (type_name, id) in &interface.types {
                    surface.types.insert(format!("{name}.{type_name}"), definition(&resolve, *id));
                }
            }
        }
        surface
    }

    /// What of `self` is missing or other in `newer`, and what `newer` adds that it may not.
    fn broken_by(&self, newer: &Self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, was) in self.functions.iter().chain(&self.types) {
            match newer.functions.get(name).or_else(|| newer.types.get(name)) {
                Some(is) if is == was => {}
                Some(is) => broken.push(format!("{name} was {was} and is {is}")),
                None => broken.push(format!("{name} is gone")),
            }
        }
        for name in newer.functions.keys().filter(|name| name.starts_with("export ")) {
            if !self.functions.contains_key(name) {
                broken.push(format!("{name} is new, and no connector has it"));
            }
        }
        broken
    }
}

/// A type where it is used.
fn shape(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => definition(resolve, *id),
        },
        primitive => format!("{primitive:?}"),
    }
}

/// A type where it is defined.
fn definition(resolve: &Resolve, id: TypeId) -> String {
    let of = |ty: &Type| shape(resolve, ty);
    let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<String> =
                record.fields.iter().map(|f| format!("{}: {}", f.name, of(&f.ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<String> =
                variant.cases.iter().map(|c| format!("{}({})", c.name, maybe(&c.ty))).collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Handle(wit_parser::Handle::Own(id)) => {
            format!("own<{}>", shape(resolve, &Type::Id(*id)))
        }
        TypeDefKind::Handle(wit_parser::Handle::Borrow(id)) => {
            format!("borrow<{}>", shape(resolve, &Type::Id(*id)))
        }
        TypeDefKind::Resource => "resource".to_owned(),
        TypeDefKind::Tuple(tuple) => {
            format!("tuple<{}>", tuple.types.iter().map(of).collect::<Vec<_>>().join(", "))
        }
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err)),
        TypeDefKind::Type(ty) => of(ty),
        other => panic!("a kind of type that this check does not know: {other:?}"),
    }
}

fn current() -> String {
    std::fs::read_to_string(wit().join("0.1/connector.wit")).unwrap()
}

#[test]
fn the_track_only_grew_since_every_release() {
    let now = Surface::read(&current(), "connector.wit");
    let mut releases = 0;
    for file in std::fs::read_dir(wit().join("released")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("0.1.") {
            let then = Surface::read(&std::fs::read_to_string(&path).unwrap(), &name);
            assert_eq!(then.broken_by(&now), Vec::<String>::new(), "since {name}");
            releases += 1;
        }
    }
    assert!(releases > 0, "no released text was found");
}

#[test]
fn the_check_sees_what_breaks_and_what_does_not() {
    let then = Surface::read(&current(), "then");
    let broken = |from: &str, to: &str| {
        assert!(current().contains(from), "{from}");
        then.broken_by(&Surface::read(&current().replacen(from, to, 1), "now")).len()
    };
    assert_eq!(
        broken("run-id: func() -> string;", "run-id: func() -> string;\n  attempt: func() -> u32;"),
        0
    );
    let more = "interface more { f: func(); }\n\nworld connector {\n  import more;";
    assert_eq!(broken("world connector {", more), 0);
    for (from, to) in [
        ("run-id: func() -> string;", ""),
        ("run-id: func() -> string;", "run-id: func() -> option<string>;"),
        ("    error,\n  }", "    error,\n    fatal,\n  }"),
        ("    retryable: bool,", ""),
        ("status: u16,", "status: u32,"),
        ("check: func(config-json: string)", "check: func(settings: string)"),
        ("describe: func() -> string;", "describe: func() -> string;\n  version: func() -> string;"),
    ] {
        assert_eq!(broken(from, to), 1, "{from} -> {to}");
    }
}

#[test]
fn no_interface_takes_a_name_of_wasi() {
    for name in ["types", "http", "streams"] {
        assert!(!current().contains(&format!("interface {name} ")), "{name}");
    }
}

#[test]
fn the_readme_names_the_package_version() {
    let readme = std::fs::read_to_string(wit().join("README.md")).unwrap();
    let package = current().lines().find_map(|line| line.strip_prefix("package ")).unwrap().to_owned();
    assert!(readme.contains(package.trim_end_matches(';')), "{package}");
}
