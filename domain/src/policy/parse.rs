//! oslo.policy's check strings, from text to a tree.
//!
//! ```text
//! or    = and { "or" and }
//! and   = not { "and" not }
//! not   = "not" not | "(" or ")" | check
//! check = "@" | "!" | kind ":" match
//! ```
//!
//! Words are split at blanks; parentheses touching the front or back of a word are their own tokens. Empty text allows.
//! Text that starts with `[` is the old list form as JSON: a list of alternatives, each a check or a list of checks
//! that must all hold. What oslo.policy logs and then treats as "never" is an error here.

/// A check as written; rule names are not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// `@` or empty text.
    Always,
    /// `!`.
    Never,
    /// `not`.
    Not(Box<Self>),
    /// `and`; holds when it is empty.
    All(Vec<Self>),
    /// `or`; fails when it is empty.
    Any(Vec<Self>),
    /// `rule:name`.
    Rule(String),
    /// `role:pattern`.
    Role(Pattern),
    /// `credential:pattern`.
    Credential(String, Pattern),
    /// `'text':pattern`, `True:pattern`, `7:pattern`.
    Literal(String, Pattern),
}

/// The right side of a check: text with `%(name)s` fields of the target.
pub(super) type Pattern = Vec<Piece>;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands.
    Text(String),
    /// The value of a field of the target.
    Field(String),
}

/// More nested parentheses than any person writes.
const DEPTH: usize = 64;

/// Parses a check string.
///
/// # Errors
///
/// What is wrong, to be read after the rule's name.
pub(super) fn parse(text: &str) -> Result<Check, String> {
    if text.is_empty() {
        return Ok(Check::Always);
    }
    if text.trim_start().starts_with('[') {
        return lists(text);
    }
    let mut tokens = Tokens { words: tokenize(text)?, at: 0, depth: 0 };
    let check = tokens.any()?;
    match tokens.peek() {
        None => Ok(check),
        Some(token) => Err(format!("`and` or `or` is missing before {token}")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Check(Check, String),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "`(`",
            Self::Close => "`)`",
            Self::And => "`and`",
            Self::Or => "`or`",
            Self::Not => "`not`",
            Self::Check(_, text) => return write!(f, "`{text}`"),
        })
    }
}

fn tokenize(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let rest = word.trim_start_matches('(');
        tokens.extend(std::iter::repeat_n(Token::Open, word.len() - rest.len()));
        let core = rest.trim_end_matches(')');
        match core.to_ascii_lowercase().as_str() {
            "" => {}
            "and" => tokens.push(Token::And),
            "or" => tokens.push(Token::Or),
            "not" => tokens.push(Token::Not),
            _ => tokens.push(Token::Check(check(core)?, core.to_owned())),
        }
        tokens.extend(std::iter::repeat_n(Token::Close, rest.len() - core.len()));
    }
    Ok(tokens)
}

struct Tokens {
    words: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&Token> {
        self.words.get(self.at)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Check, String> {
        let mut parts = vec![self.all()?];
        while self.take(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Check::Any))
    }

    fn all(&mut self) -> Result<Check, String> {
        let mut parts = vec![self.single()?];
        while self.take(&Token::And) {
            parts.push(self.single()?);
        }
        Ok(one_or(parts, Check::All))
    }

    fn single(&mut self) -> Result<Check, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let token = self.peek().cloned();
        self.at += 1;
        let check = match token {
            Some(Token::Check(check, _)) => check,
            Some(Token::Not) => Check::Not(Box::new(self.single()?)),
            Some(Token::Open) => {
                let inner = self.any()?;
                if !self.take(&Token::Close) {
                    return Err("a closing parenthesis is missing".to_owned());
                }
                inner
            }
            Some(token) => return Err(format!("a check is missing before {token}")),
            None => return Err("a check is missing at the end".to_owned()),
        };
        self.depth -= 1;
        Ok(check)
    }
}

fn one_or(mut parts: Vec<Check>, many: fn(Vec<Check>) -> Check) -> Check {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

/// One check: `@`, `!` or `kind:match`.
fn check(text: &str) -> Result<Check, String> {
    match text {
        "@" => return Ok(Check::Always),
        "!" => return Ok(Check::Never),
        _ => {}
    }
    let (kind, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is not of the form kind:match"))?;
    match kind {
        "rule" => Ok(Check::Rule(value.to_owned())),
        "http" | "https" => {
            Err(format!("`{text}` asks another server, which is not supported: decisions are made here"))
        }
        "role" => Ok(Check::Role(pattern(value)?)),
        _ => Ok(match literal(kind)? {
            Some(literal) => Check::Literal(literal, pattern(value)?),
            None => Check::Credential(kind.to_owned(), pattern(value)?),
        }),
    }
}

/// The text of a Python literal: what `str()` makes of it.
fn literal(kind: &str) -> Result<Option<String>, String> {
    if let Some(quote) = kind.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let text = kind.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        return text.map(|text| Some(text.to_owned())).ok_or_else(|| format!("the quote in `{kind}` is not closed"));
    }
    Ok(match kind {
        "True" | "False" | "None" => Some(kind.to_owned()),
        _ => kind.parse::<i64>().ok().map(|number| number.to_string()),
    })
}

/// Splits the right side of a check at its `%(name)s` fields; `%%` is a percent sign.
fn pattern(text: &str) -> Result<Pattern, String> {
    let wrong = || format!("`{text}`: after % only %(name)s and %% are understood");
    let mut pieces: Pattern = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            plain.push('%');
            rest = after;
            continue;
        }
        let (name, after) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(wrong)?;
        rest = after.strip_prefix('s').ok_or_else(wrong)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Field(name.to_owned()));
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// The old list form.
fn lists(text: &str) -> Result<Check, String> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Alternative {
        One(String),
        All(Vec<String>),
    }
    let wrong = |_| "the list form is a list of checks and lists of checks".to_owned();
    let alternatives: Vec<Alternative> = serde_json::from_str(text).map_err(wrong)?;
    if alternatives.is_empty() {
        return Ok(Check::Always);
    }
    let mut any = Vec::new();
    for alternative in alternatives {
        let checks = match alternative {
            Alternative::One(text) => vec![text],
            Alternative::All(texts) => texts,
        };
        // oslo.policy skips empty alternatives.
        if checks.iter().any(|text| !text.is_empty()) {
            let all = checks.iter().map(|text| check(text)).collect::<Result<Vec<_>, _>>()?;
            any.push(one_or(all, Check::All));
        }
    }
    Ok(one_or(any, Check::Any))
}
