//! Reader for the text form of a dict or list that clients put into a patch value.
//!
//! `python-magnumclient`, Horizon and Terraform send labels as the *text* of a Python literal (`"{'a': 'b'}"`) or as JSON
//! text. Only data is understood: dicts with string keys, lists, tuples, strings, numbers, `True`, `False`, `None`.

use serde_json::{Map, Number, Value};

/// Nesting allowed in a literal. Labels need one level, taints two.
const MAX_DEPTH: usize = 16;

/// Reads JSON text or a Python literal; `None` when it is neither.
#[must_use]
pub fn parse_literal(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.blanks();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.rest.chars().next()? {
            '{' => self.dict(depth),
            '[' => self.list('[', ']', depth),
            '(' => self.list('(', ')', depth),
            '\'' | '"' => self.string().map(Value::String),
            'u' if self.rest[1..].starts_with(['\'', '"']) => {
                // Python 2 clients print u'text'.
                self.rest = &self.rest[1..];
                self.string().map(Value::String)
            }
            _ => self.word(),
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        self.eat('{');
        loop {
            if self.eat('}') {
                return Some(Value::Object(map));
            }
            let Value::String(key) = self.value(depth + 1)? else { return None };
            if !self.eat(':') {
                return None;
            }
            map.insert(key, self.value(depth + 1)?);
            if !self.eat(',') {
                return self.eat('}').then_some(Value::Object(map));
            }
        }
    }

    fn list(&mut self, open: char, close: char, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.eat(open);
        loop {
            if self.eat(close) {
                return Some(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            if !self.eat(',') {
                return self.eat(close).then_some(Value::Array(items));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let mut chars = self.rest.char_indices();
        let (_, quote) = chars.next()?;
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Some(text);
                }
                '\\' => text.push(escaped(&mut chars)?),
                c => text.push(c),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Value> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "True" | "true" => Some(Value::Bool(true)),
            "False" | "false" => Some(Value::Bool(false)),
            "None" | "null" => Some(Value::Null),
            word => match word.parse::<i64>() {
                Ok(number) => Some(number.into()),
                Err(_) => Number::from_f64(word.parse().ok()?).map(Value::Number),
            },
        }
    }
}

/// The character after a backslash, as Python reads it.
fn escaped(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let digits = match chars.next()?.1 {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        'x' => 2,
        'u' => 4,
        c @ ('\\' | '\'' | '"') => return Some(c),
        _ => return None,
    };
    let code: String = (0..digits).filter_map(|_| chars.next().map(|(_, c)| c)).collect();
    if code.len() != digits {
        return None;
    }
    char::from_u32(u32::from_str_radix(&code, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_the_clients_send() {
        assert_eq!(parse_literal("{'a': 'b'}"), Some(json!({"a": "b"})));
        assert_eq!(parse_literal("{\"a\": \"b\"}"), Some(json!({"a": "b"})));
        assert_eq!(parse_literal("{u'a': u'b', 'n': 1, 'f': 1.5, 't': True, 'z': None,}"), {
            Some(json!({"a": "b", "n": 1, "f": 1.5, "t": true, "z": null}))
        });
        assert_eq!(parse_literal("[{'key': 'gpu', 'effect': 'NoSchedule'}]"), {
            Some(json!([{"key": "gpu", "effect": "NoSchedule"}]))
        });
        assert_eq!(parse_literal(r"{'it\'s': 'a\nb\x41'}"), Some(json!({"it's": "a\nbA"})));
        assert_eq!(parse_literal("{'k':'v','k2':'v2'}"), Some(json!({"k": "v", "k2": "v2"})));
    }

    #[test]
    fn refuses_code_and_broken_text() {
        for text in
            ["", "{'a'", "{'a': }", "{1: 'a'}", "__import__('os')", "{'a': 'b'} x", "{'a': b}", "{'a' 'b'}", "'\\x4'"]
        {
            assert_eq!(parse_literal(text), None, "{text}");
        }
        assert_eq!(parse_literal(&"[".repeat(100_000)), None, "deep nesting ends, it does not overflow");
        assert_eq!(parse_literal("u"), None);
    }
}
