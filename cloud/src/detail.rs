//! The concrete sentence out of a service's error answer: each service wraps it differently, proxies answer in HTML.

use serde_json::Value;

/// Longest text kept; status reasons and log lines are read by people.
const LIMIT: usize = 500;

/// The service's own words, on one line, shortened, with every one of `secrets` blotted out.
pub(crate) fn extract<'s>(body: &[u8], secrets: impl IntoIterator<Item = &'s str>) -> String {
    let text = String::from_utf8_lossy(body);
    let found = match serde_json::from_str::<Value>(&text) {
        // Glance and Heat's routes put line breaks for browsers into their JSON.
        Ok(json) => message(&json).unwrap_or_default().replace("<br />", " "),
        Err(_) => plain(&text),
    };
    let mut line = found.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in secrets {
        // Short strings would blot out ordinary words.
        if secret.len() >= 4 {
            line = line.replace(secret, "***");
        }
    }
    shorten(&line)
}

/// At most [`LIMIT`] characters, cut at a character border.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Walks the wrappings in use: Heat and Keystone `error.message`, Neutron `NeutronError.message`, Nova and Cinder
/// `badRequest.message` and kin, Octavia `faultstring`, Barbican `description`, Glance `message`.
fn message(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(items) => items.iter().find_map(message),
        Value::Object(map) => {
            let nested = map.get("error").or_else(|| map.get("errors")).filter(|v| !v.is_null()).and_then(message);
            nested
                .or_else(|| {
                    ["message", "faultstring", "description", "detail", "explanation"]
                        .iter()
                        .find_map(|key| map.get(*key).and_then(message))
                })
                .or_else(|| map.values().filter(|v| v.is_object()).find_map(message))
                .or_else(|| map.get("title").and_then(message))
        }
        _ => None,
    }
}

/// Text without markup; of HTML the body only.
fn plain(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let body = lower.find("<body").map_or(text, |at| &text[at..]);
    let mut out = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => {
                inside = true;
                out.push(' ');
            }
            '>' if inside => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> String {
        extract(body.as_bytes(), [])
    }

    #[test]
    fn every_service_is_understood() {
        let cases = [
            (
                r#"{"code":400,"title":"Bad Request","explanation":"generic","error":{"message":"The Parameter (x) was not defined in template.","traceback":null,"type":"UnknownUserParameter"}}"#,
                "The Parameter (x) was not defined in template.",
            ),
            (
                r#"{"error":{"code":401,"message":"The request you have made requires authentication.","title":"Unauthorized"}}"#,
                "The request you have made requires authentication.",
            ),
            (
                r#"{"NeutronError":{"type":"NetworkNotFound","message":"Network n could not be found.","detail":""}}"#,
                "Network n could not be found.",
            ),
            (r#"{"badRequest":{"message":"Invalid flavor","code":400}}"#, "Invalid flavor"),
            (r#"{"itemNotFound":{"code":404,"message":"Keypair k not found"}}"#, "Keypair k not found"),
            (
                r#"{"faultcode":"Client","faultstring":"Load Balancer l is immutable","debuginfo":null}"#,
                "Load Balancer l is immutable",
            ),
            (
                r#"{"code":404,"title":"Not Found","description":"Not Found. Sorry but your container is in another castle."}"#,
                "Not Found. Sorry but your container is in another castle.",
            ),
            (
                r#"{"message":"No image found with ID i<br /><br />\n\n\n","code":"404 Not Found","title":"Not Found"}"#,
                "No image found with ID i",
            ),
            (
                r#"{"code":400,"error":{"message":"Property error: : resources.g<nested_stack>.resources[0]: : x"}}"#,
                "Property error: : resources.g<nested_stack>.resources[0]: : x",
            ),
            (
                "<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1>You are not\n allowed.<br/></body></html>",
                "403 Forbidden You are not allowed.",
            ),
            ("upstream connect error", "upstream connect error"),
            ("", ""),
            ("{}", ""),
            ("null", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(of(body), expected, "{body}");
        }
    }

    #[test]
    fn secrets_are_blotted_out_and_long_texts_cut_at_a_character() {
        let text = extract(br#"{"error":{"message":"Could not find token gAAAAB-x."}}"#, ["gAAAAB-x", "a"]);
        assert_eq!(text, "Could not find token ***.");
        let long = extract("\u{e4}".repeat(2000).as_bytes(), []);
        assert_eq!(long.chars().count(), LIMIT + 3);
        assert!(!of("\u{0}\u{ff}<<<>").contains('<'));
    }
}
