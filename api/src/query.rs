//! Query arguments: which a route knows, the page a list asks for, and the address of the next one.

use actix_web::{HttpRequest, web};
use domain::{Error, Result};
use serde_json::Value;
use store::{Page, SortDir};
use utoipa::IntoParams;

use crate::fields::boolean;

/// The arguments of one request, each known and given once.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the arguments and refuses every one that is not in `known`.
    pub(crate) fn read(request: &HttpRequest, known: &[&str]) -> Result<Self> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|_| Error::invalid("The query string cannot be read"))?
            .into_inner();
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(Error::invalid(format!(
                    "Unknown argument: \"{}\"",
                    name.chars().take(100).collect::<String>()
                )));
            }
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::invalid(format!("Argument \"{name}\" is given more than once")));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of an argument.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// An argument that is true or false; false when it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool> {
        let Some(text) = self.value(name) else { return Ok(false) };
        boolean(&Value::from(text)).ok_or_else(|| Error::bad_value(name, text, "It must be true or false"))
    }
}

/// Arguments of every list, for the `OpenAPI` document; which entry is before the page says [`UuidMarker`] or
/// [`NumberMarker`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the documentation is made from it")]
pub(crate) struct PagingArguments {
    /// Most entries to return; larger ones are cut to the configured maximum, which is also the default.
    #[param(minimum = 1)]
    limit: Option<u32>,
    /// Attribute to sort by; the order of creation unless given.
    sort_key: Option<String>,
    /// `asc` or `desc`.
    sort_dir: Option<String>,
}

/// Argument of a list whose entries have UUIDs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the documentation is made from it")]
pub(crate) struct UuidMarker {
    /// UUID of the entry before the page; an entry that is not there is a 404.
    #[param(format = Uuid)]
    marker: Option<String>,
}

/// Argument of a list whose entries have numbers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the documentation is made from it")]
pub(crate) struct NumberMarker {
    /// Number of the entry before the page; an entry that is not there is a 404.
    #[param(minimum = 1)]
    marker: Option<i64>,
}

/// The page a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// Most entries to return, from 1 to the configured maximum.
    pub(crate) limit: u32,
    /// The entry before the page.
    pub(crate) marker: Option<String>,
    /// Column to order by; the store knows which may be.
    pub(crate) sort_key: String,
    pub(crate) descending: bool,
}

impl Paging {
    const ARGUMENTS: [&str; 4] = ["limit", "marker", "sort_key", "sort_dir"];

    /// Reads `limit`, `marker`, `sort_key` and `sort_dir`.
    pub(crate) fn read(request: &HttpRequest, max_limit: u32) -> Result<Self> {
        Self::read_with(request, max_limit, Marker::Uuid, &[]).map(|(paging, _)| paging)
    }

    /// The same of a list that has `more` arguments, which are in the second answer.
    pub(crate) fn read_with(
        request: &HttpRequest,
        max_limit: u32,
        marker: Marker,
        more: &[&str],
    ) -> Result<(Self, Query)> {
        let query = Query::read(request, &[&Self::ARGUMENTS, more].concat())?;
        let paging = Self {
            limit: limit(query.value("limit"), max_limit)?,
            marker: query.value("marker").map(|text| marker.read(text)).transpose()?,
            sort_key: query.value("sort_key").unwrap_or("id").to_owned(),
            descending: match query.value("sort_dir") {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => return Err(Error::bad_value("sort_dir", other, "It must be asc or desc")),
            },
        };
        Ok((paging, query))
    }

    /// The page in the store's words.
    pub(crate) fn page(&self) -> Page {
        Page {
            limit: self.limit.into(),
            marker: self.marker.clone(),
            sort_key: self.sort_key.clone(),
            sort_dir: if self.descending { SortDir::Desc } else { SortDir::Asc },
        }
    }

    /// Address of the page after one that ends with `last`; only a full page has one.
    pub(crate) fn next(&self, collection: &str, length: usize, last: Option<&str>) -> Option<String> {
        let last = last.filter(|_| length == self.limit as usize)?;
        let direction = if self.descending { "desc" } else { "asc" };
        Some(format!("{collection}?sort_key={}&sort_dir={direction}&limit={}&marker={last}", self.sort_key, self.limit))
    }
}

fn limit(text: Option<&str>, max: u32) -> Result<u32> {
    let Some(text) = text else { return Ok(max) };
    let bad = |reason| Error::bad_value("limit", text, reason);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("It must be a whole number"));
    }
    if text.starts_with('-') || digits.bytes().all(|b| b == b'0') {
        return Err(bad("Limit must be positive"));
    }
    Ok(text.parse::<u32>().unwrap_or(max).min(max))
}

/// What a list names the entry before a page by.
#[derive(Clone, Copy)]
pub(crate) enum Marker {
    /// Its UUID.
    Uuid,
    /// Its number.
    Number,
}

impl Marker {
    fn read(self, text: &str) -> Result<String> {
        let (right, kind) = match self {
            Self::Uuid => (uuid::Uuid::try_parse(text).is_ok(), "UUID"),
            Self::Number => (text.parse::<i64>().is_ok_and(|number| number > 0), "id"),
        };
        let reason = || format!("It must be the {kind} of the last entry of the page before");
        if right { Ok(text.to_owned()) } else { Err(Error::bad_value("marker", text, &reason())) }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn paging(query: &str) -> Result<Paging> {
        let request = TestRequest::with_uri(&format!("/v1/clusters?{query}")).to_http_request();
        Paging::read(&request, 1000)
    }

    #[test]
    fn defaults_and_limits() {
        let page = paging("").unwrap();
        assert_eq!((page.limit, page.sort_key.as_str(), page.descending), (1000, "id", false));
        assert_eq!(paging("limit=5000").unwrap().limit, 1000);
        assert_eq!(paging("limit=99999999999999999999").unwrap().limit, 1000);
        assert!(paging("sort_dir=desc&sort_key=name").unwrap().descending);
    }

    #[test]
    fn wrong_arguments() {
        for query in [
            "limit=0",
            "limit=-1",
            "limit=",
            "limit=x",
            "limit=1.5",
            "limit=00",
            "marker=",
            "marker=blue",
            "marker=%ff",
            "sort_dir=ASC",
            "sort_dir=",
            "name=blue",
            "limit=1&limit=2",
            "all_tenants=1",
            "=",
            "limit%00=1",
        ] {
            assert!(paging(query).is_err(), "{query}");
        }
    }

    #[test]
    fn only_a_full_page_has_a_next() {
        let page = paging("limit=2&sort_key=name").unwrap();
        assert_eq!(page.next("/v1/clusters", 1, Some("u")), None);
        assert_eq!(
            page.next("/v1/clusters", 2, Some("u")).unwrap(),
            "/v1/clusters?sort_key=name&sort_dir=asc&limit=2&marker=u"
        );
    }
}
