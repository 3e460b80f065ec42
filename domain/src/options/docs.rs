//! What people read about the options: the documented sample and the table for docs/.

use std::fmt::Write as _;

use super::{Opt, SECTIONS, Section, options_of};

/// Columns of comment text in the sample.
const WIDTH: usize = 100;

/// The sample configuration: every option with its documentation and its default, commented out.
#[must_use]
pub fn sample_config() -> String {
    let mut out = String::from(
        "# Options of magnum. Lines that are commented out show the defaults.\n\
         # $option and ${section.option} stand for other options; a dollar sign is written $$.\n\
         # The variable OS_SECTION__OPTION of the environment overrides an option.\n",
    );
    for section in distinct() {
        let _ = write!(out, "\n\n[{}]\n", section.name);
        comment(&mut out, &about(section.name));
        for opt in options_of(section.name) {
            out.push('\n');
            comment(&mut out, &opt.text());
            comment(&mut out, &details(opt));
            let _ = writeln!(out, "#{}", format!("{} = {}", opt.name, opt.default.unwrap_or_default()).trim_end());
        }
    }
    out
}

/// The options as Markdown, one table for each section.
#[must_use]
pub fn options_doc() -> String {
    let mut out = String::from("# Options\n\nMade from the declarations in `domain/src/options/`; do not edit.\n");
    for section in distinct() {
        let _ = write!(out, "\n## [{}]\n\n{}\n\n", section.name, about(section.name));
        out.push_str("| option | value | default | meaning |\n|---|---|---|---|\n");
        for opt in options_of(section.name) {
            let default = opt.default.map(|text| format!("`{text}`")).unwrap_or_default();
            let mut text = opt.text();
            if !opt.old.is_empty() {
                let _ = write!(text, " (old: {})", opt.old.join(", "));
            }
            let cells = [opt.allowed(), default, text].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(out, "| `{}` | {} |", opt.name, cells.join(" | "));
        }
    }
    out
}

/// The sections, each once.
fn distinct() -> impl Iterator<Item = &'static Section> {
    SECTIONS
        .iter()
        .enumerate()
        .filter(|(at, section)| SECTIONS[..*at].iter().all(|before| before.name != section.name))
        .map(|(_, section)| section)
}

/// The documentation of a section; parts that share it are joined.
fn about(name: &str) -> String {
    let lines = SECTIONS.iter().filter(|section| section.name == name).flat_map(|section| section.doc);
    lines.map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn details(opt: &Opt) -> String {
    let mut text = format!("Value: {}.", opt.allowed());
    if !opt.old.is_empty() {
        let _ = write!(text, " Old names: {}.", opt.old.join(", "));
    }
    text
}

fn comment(out: &mut String, text: &str) {
    // The documentation is written as Markdown.
    let text = text.replace('`', "");
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
            let _ = writeln!(out, "{line}");
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}
