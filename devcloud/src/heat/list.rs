//! The list of stacks: filters, order, pages.

use serde_json::{Value, json};

use super::change::http_bad;
use super::stack::Stack;
use super::views;
use crate::http::{Answer, Refusal, Reply, Request};
use crate::identity::Grant;
use crate::state::{World, text};

/// Answers `GET /stacks`.
pub(super) fn stacks(world: &World, grant: &Grant, request: &Request, base: &str, detail: bool) -> Answer {
    // Heat's own policy lets nobody ask for all projects, and shows them to administrators who do not ask.
    if request.flag("global_tenant") {
        return Err(Refusal::forbidden("You are not authorized to use stacks:global_index."));
    }
    let everywhere = grant.is_admin();
    let limit = match request.query("limit") {
        None => usize::MAX,
        Some(text) => {
            let wrong = || http_bad("Only integer is acceptable by 'limit'.");
            text.parse().map_err(|_| wrong())?
        }
    };
    let mut found: Vec<&Stack> = world
        .stacks
        .iter()
        .filter(|stack| everywhere || stack.project_id == grant.project())
        .filter(|stack| stack.deleted.is_none() || request.flag("show_deleted"))
        .filter(|stack| matches(stack, request))
        .collect();
    sort(&mut found, request);
    let count = found.len();
    if let Some(marker) = request.query("marker")
        && let Some(at) = found.iter().position(|stack| stack.id == marker)
    {
        found.drain(..=at);
    }
    found.truncate(limit);
    let rows: Vec<Value> = found
        .into_iter()
        .map(|stack| {
            let mut row = if detail { views::full(stack, base, true) } else { views::brief(stack, base) };
            if everywhere {
                row["project"] = json!(stack.project_id);
            }
            row
        })
        .collect();
    let next = rows.last().filter(|_| request.query("limit").is_some()).map(|row| next_page(request, base, row));
    let mut body = json!({"stacks": rows});
    if let Some(href) = next {
        body["links"] = json!([{"rel": "next", "href": href}]);
    }
    if request.flag("with_count") {
        body["count"] = json!(count);
    }
    Ok(Reply::ok(body))
}

/// Address of the page after the one that ends with this row.
fn next_page(request: &Request, base: &str, last: &Value) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(request.query.iter().filter(|(key, _)| key != "marker"));
    query.append_pair("marker", text(last, "id"));
    format!("{base}/stacks?{}", query.finish())
}

fn matches(stack: &Stack, request: &Request) -> bool {
    let any = |keys: &[&str], have: &str| {
        let wanted: Vec<&str> = keys.iter().flat_map(|key| request.queries(key)).collect();
        wanted.is_empty() || wanted.contains(&have)
    };
    let listed = |key: &str| -> Option<Vec<&str>> { Some(request.query(key)?.split(',').collect()) };
    let has = |tag: &&str| stack.tags.iter().any(|have| have == tag);
    any(&["id"], &stack.id)
        && any(&["name", "stack_name"], &stack.name)
        && any(&["status"], stack.status.word())
        && any(&["stack_status"], &stack.state())
        && any(&["action", "stack_action"], stack.action.word())
        && listed("tags").is_none_or(|tags| tags.iter().all(has))
        && listed("tags_any").is_none_or(|tags| tags.iter().any(has))
        && listed("not_tags").is_none_or(|tags| !tags.iter().all(has))
        && listed("not_tags_any").is_none_or(|tags| !tags.iter().any(has))
}

/// Newest first, unless asked otherwise.
fn sort(stacks: &mut [&Stack], request: &Request) {
    let key = |stack: &Stack| match request.query("sort_keys").and_then(|keys| keys.split(',').next()) {
        Some("stack_name" | "name") => stack.name.clone(),
        Some("stack_status" | "status") => stack.status.word().to_owned(),
        Some("updated_time" | "updated_at") => stack.updated.map(|at| at.to_rfc3339()).unwrap_or_default(),
        _ => stack.created.to_rfc3339(),
    };
    stacks.sort_by_cached_key(|stack| (key(stack), stack.id.clone()));
    let descending = match request.query("sort_dir") {
        Some(direction) => direction == "desc",
        None => request.query("sort_keys").is_none(),
    };
    if descending {
        stacks.reverse();
    }
}
