//! The INI dialect of oslo.config, as a source for the `config` crate.
//!
//! `[section]`, `name = value` or `name: value`, `#` and `;` comment lines, a line that starts with blank space
//! continues the value above, a repeated name adds a value, one pair of surrounding quotes is dropped. Nothing is
//! interpreted here: each option is an array of the strings written for it.

use config::{Map, Source, Value, ValueKind};

/// One parsed file.
#[derive(Clone, Debug, Default)]
pub(super) struct Ini {
    path: String,
    entries: Vec<Entry>,
}

/// One assignment. `Debug` is used by `config` in its own, so the value stays out of it.
#[derive(Clone)]
struct Entry {
    section: String,
    name: String,
    value: String,
    line: usize,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {} (line {})", self.section, self.name, self.line)
    }
}

/// What is wrong with a line; never its text, which may hold a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) line: usize,
    pub(super) what: &'static str,
}

impl Ini {
    /// Parses `text`; `path` is only told in messages.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Bad> {
        let mut ini = Self { path: path.to_owned(), entries: Vec::new() };
        let mut section: Option<String> = None;
        let mut open = false;
        // Editors on other systems put a byte order mark in front.
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let bad = |what| Bad { line: index + 1, what };
            let line = line.trim_end();
            if line.is_empty() || line.starts_with(['#', ';']) {
                open = false;
            } else if line.starts_with([' ', '\t']) {
                match ini.entries.last_mut() {
                    Some(entry) if open => {
                        entry.value.push('\n');
                        entry.value.push_str(line.trim_start());
                    }
                    _ => return Err(bad("it is indented but continues nothing")),
                }
            } else if let Some(rest) = line.strip_prefix('[') {
                let name = rest.strip_suffix(']').ok_or_else(|| bad("the section name has no closing bracket"))?;
                if name.is_empty() {
                    return Err(bad("the section has no name"));
                }
                section = Some(name.to_lowercase());
                open = false;
            } else {
                let (name, value) = line.split_once(['=', ':']).ok_or_else(|| bad("there is no = or : in it"))?;
                let name = name.trim();
                if name.is_empty() {
                    return Err(bad("there is no name before the ="));
                }
                let section = section.clone().ok_or_else(|| bad("it stands before the first [section]"))?;
                let value = unquoted(value.trim()).to_owned();
                ini.entries.push(Entry { section, name: name.to_owned(), value, line: index + 1 });
                open = true;
            }
        }
        Ok(ini)
    }
}

/// `text` without one pair of equal quotes around it.
fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

impl Source for Ini {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let mut sections: Map<String, Map<String, Vec<Value>>> = Map::new();
        for Entry { section, name, value, line } in &self.entries {
            let origin = format!("{} line {line}", self.path);
            let value = Value::new(Some(&origin), ValueKind::String(value.clone()));
            sections.entry(section.clone()).or_default().entry(name.clone()).or_default().push(value);
        }
        let table = |options: Map<String, Vec<Value>>| -> Map<String, Value> {
            options.into_iter().map(|(name, values)| (name, Value::new(None, ValueKind::Array(values)))).collect()
        };
        Ok(sections
            .into_iter()
            .map(|(name, options)| (name, Value::new(None, ValueKind::Table(table(options)))))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String, String)> {
        let entries = Ini::parse("t", text).unwrap().entries;
        entries.into_iter().map(|e| (e.section, e.name, e.value)).collect()
    }

    fn one(line: &str) -> String {
        values(&format!("[s]\n{line}")).remove(0).2
    }

    #[test]
    fn the_first_of_equals_sign_and_colon_ends_the_name() {
        assert_eq!(one("a = b:c"), "b:c");
        assert_eq!(one("a: b=c"), "b=c");
        assert_eq!(one("a=mysql+pymysql://u:p=w@h/d"), "mysql+pymysql://u:p=w@h/d");
        assert_eq!(one("a ="), "");
    }

    #[test]
    fn quotes_are_dropped_once_and_only_in_pairs() {
        assert_eq!(one("a = 'x y '"), "x y ");
        assert_eq!(one("a = \"'x'\""), "'x'");
        assert_eq!(one("a = 'x\""), "'x\"");
        assert_eq!(one("a = '"), "'");
    }

    #[test]
    fn hash_and_semicolon_comment_a_line_but_not_its_end() {
        assert_eq!(values("# a\n; b\n[s]\n#x = 1\na = 1 # 2"), [("s".into(), "a".into(), "1 # 2".into())]);
    }

    #[test]
    fn an_indented_line_continues_the_value() {
        assert_eq!(one("a = 1,\n  2,\n\t3"), "1,\n2,\n3");
        let bad = Ini::parse("t", "[s]\na = 1\n\n  2").unwrap_err();
        assert_eq!(bad, Bad { line: 4, what: "it is indented but continues nothing" });
    }

    #[test]
    fn broken_lines_are_named_by_number_and_never_quoted() {
        for (text, line) in [("a = 1", 1), ("[s]\nhunter2", 2), ("[s\n", 1), ("[]", 1), ("[s]\n= 3", 2), ("  x", 1)] {
            let bad = Ini::parse("t", text).unwrap_err();
            assert_eq!(bad.line, line, "{text:?}");
            assert!(!bad.what.contains("hunter2"));
        }
        assert!(!format!("{:?}", Ini::parse("t", "[s]\na = hunter2").unwrap()).contains("hunter2"));
    }
}
