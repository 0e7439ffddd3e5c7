//! The documentation, as it was when the binary was built, in sections.

macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../../../../", $path)))
    };
}

/// The files, by their paths in the project.
pub(super) const FILES: &[(&str, &str)] = &[
    file!("README.md"),
    file!("docs/agent.md"),
    file!("docs/ai-sdk.md"),
    file!("docs/benchmarks.md"),
    file!("docs/graphs.md"),
    file!("docs/handlers.md"),
    file!("docs/http.md"),
    file!("docs/operations.md"),
    file!("docs/replay.md"),
    file!("docs/sessions.md"),
    file!("docs/storages.md"),
    file!("docs/streams.md"),
    file!("docs/torture.md"),
    file!("docs/live.md"),
    file!("docs/turns.md"),
    file!("docs/webhooks.md"),
];

/// A part of a file, from a heading to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) file: &'static str,
    /// The heading of the file.
    pub(super) of: &'static str,
    /// The heading of the section; that of the file before the first.
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

/// The sections of a file.
pub(super) fn sections(file: &'static str, text: &'static str) -> Vec<Section> {
    let mut sections = Vec::new();
    let (mut of, mut title, mut from, mut fenced) = (file, file, 0, false);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        fenced ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if !fenced && heading.len() < line.len() && heading.starts_with(' ') {
            sections.push(Section { file, of, title, text: text[from..at].trim() });
            title = heading.trim();
            of = if sections.len() == 1 { title } else { of };
            from = at + line.len();
        }
        at += line.len();
    }
    sections.push(Section { file, of, title, text: text[from..].trim() });
    sections.retain(|section| !section.text.is_empty());
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_documentation_is_in_the_binary() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        for entry in std::fs::read_dir(root.join("docs")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let listed = FILES.iter().any(|(path, _)| *path == format!("docs/{name}"));
            assert!(listed || !name.ends_with(".md"), "docs/{name} is not in the list of `docs.rs`");
        }
    }

    #[test]
    fn a_file_is_cut_at_its_headings_but_not_in_code() {
        let text = "# Top\n\nFirst.\n\n```sh\n# no heading\n```\n\n## Next\n#tag\n## Empty\n";
        let section = |title, text| Section { file: "f.md", of: "Top", title, text };
        let first = section("Top", "First.\n\n```sh\n# no heading\n```");
        assert_eq!(sections("f.md", text), [first, section("Next", "#tag")]);
    }
}
