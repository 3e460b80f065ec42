//! What goes to the terminal: tables, colours only where there is a terminal, errors with their causes.
//!
//! The only file that prints; logs go through `tracing`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file is where the program talks to a person")]

use std::{
    error::Error,
    io::{IsTerminal, Write},
    process::ExitCode,
};

/// Prints a line to standard output.
pub(crate) fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Rewrites the current line on a terminal; says nothing elsewhere.
pub(crate) fn progress(line: &str) {
    if is_terminal() {
        print!("\r\x1b[2K{line}");
        let _ = std::io::stdout().flush();
    }
}

/// Removes what [`progress`] wrote.
pub(crate) fn clear() {
    progress("");
}

/// `true` when a person is likely to watch.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// `text` in green on a terminal.
pub(crate) fn green(text: &str) -> String {
    painted(text, "32")
}

/// `text` in bold on a terminal.
pub(crate) fn bold(text: &str) -> String {
    painted(text, "1")
}

fn painted(text: &str, code: &str) -> String {
    if is_terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Prints an error for a person and gives the exit code of a failure.
pub(crate) fn fail(text: &str) -> ExitCode {
    eprintln!("error: {text}");
    ExitCode::FAILURE
}

/// An error with its causes on one line; what a cause only repeats is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        source = cause.source();
    }
    text
}

/// Prints rows under their headings, columns as wide as their widest cell.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = headings.iter().map(|heading| heading.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    say(&bold(&line(headings.to_vec())));
    for row in rows {
        say(&line(row.iter().map(String::as_str).collect()));
    }
}
