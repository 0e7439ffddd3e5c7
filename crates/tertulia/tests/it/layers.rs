//! The drawing of the layers: a layer never names one above it, nor a neighbour.

use std::fs;
use std::path::Path;

/// The modules of the library with their layers, lowest first. What the crate's root re-exports belongs to the
/// layer of its module.
const LAYERS: &[(&str, u8)] = &[
    ("error", 0),
    ("key", 0),
    ("clock", 0),
    ("storage", 1),
    ("session", 2),
    ("stream", 2),
    ("graph", 3),
    ("runner", 3),
    ("blocking", 4),
    ("bot", 4),
];

/// What the root re-exports from modules that are not in layer 0.
const REEXPORTED: &[(&str, &str)] = &[("Log", "session"), ("Sessions", "session")];

#[test]
fn a_layer_names_only_layers_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    let mut files = 0;
    for (module, layer) in LAYERS {
        for path in rust_files(&source, module) {
            files += 1;
            for named in named_modules(&fs::read_to_string(&path).unwrap()) {
                let of_named = LAYERS.iter().find(|(name, _)| *name == named).map(|(_, layer)| *layer);
                let allowed = named == *module || of_named.is_none_or(|named| named < *layer || *layer == 0);
                if !allowed {
                    faults.push(format!("{} (in {module}) names {named}", path.display()));
                }
            }
        }
    }
    assert!(files > 20, "only {files} files were read");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_module_of_the_library_is_in_the_drawing() {
    let root = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let modules = root.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    for module in modules.map(|module| module.trim_end_matches(';')) {
        assert!(LAYERS.iter().any(|(name, _)| *name == module), "module `{module}` has no layer");
    }
}

#[test]
fn the_names_in_a_file_are_found() {
    let text =
        "use crate::{Error, bot::Bot, storage::{self, Log}};\nlet x = crate::runner::Turn; // crate::session";
    assert_eq!(named_modules(text), ["Error", "bot", "storage", "runner"]);
}

fn rust_files(source: &Path, module: &str) -> Vec<std::path::PathBuf> {
    let file = source.join(format!("{module}.rs"));
    let mut found = if file.exists() { vec![file] } else { Vec::new() };
    let mut folders = vec![source.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The first names after each `crate::`, groups included; comments are passed over.
fn named_modules(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => named.extend(group_heads(group)),
            None => named.push(head(rest)),
        }
    }
    let reexported = |name: String| {
        let module =
            REEXPORTED.iter().find(|(item, _)| *item == name).map(|(_, module)| (*module).to_owned());
        module.unwrap_or(name)
    };
    named.into_iter().map(reexported).collect()
}

fn head(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first name of each item of a group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut heads = Vec::new();
    let mut item = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(std::mem::take(&mut item).trim())),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    heads.push(head(item.trim()));
    heads.retain(|head| !head.is_empty());
    heads
}
