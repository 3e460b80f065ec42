//! Labels a driver reads: which parameter they fill and what a right value looks like.

use std::net::Ipv4Addr;

use domain::{Error, Labels};

use crate::{nodegroup::is_label_value, version::numbers};

/// A label of a driver.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Name as the user writes it.
    pub name: &'static str,
    /// The Heat parameter it fills.
    pub parameter: &'static str,
    /// What holds without it, in the parameter's text form. For a label without a fixed default: empty.
    pub default: &'static str,
    /// What a value must look like.
    pub form: Form,
    /// One sentence for the documentation.
    pub help: &'static str,
}

/// A label that fills the parameter of its own name.
pub(crate) const fn label(name: &'static str, default: &'static str, form: Form, help: &'static str) -> Label {
    renamed(name, name, default, form, help)
}

/// A label that fills a parameter of another name.
pub(crate) const fn renamed(
    name: &'static str,
    parameter: &'static str,
    default: &'static str,
    form: Form,
    help: &'static str,
) -> Label {
    Label { name, parameter, default, form, help }
}

/// Shape of a label's value. An empty value counts as "not given" and is right for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text on one line.
    Text,
    /// What Heat takes as a boolean.
    Bool,
    /// A whole number from the first to the second, both included.
    Number(i64, i64),
    /// An IPv4 network as address and prefix length.
    Cidr,
    /// IPv4 networks with commas between them.
    Cidrs,
    /// Tag of a container image, never `latest`.
    Tag,
    /// Tag of Kubernetes: of major version 1, from the first minor version on and below the second, which are those that the
    /// nodes' scripts are made for. A tag that is no version is the user's own business.
    Kubernetes(u64, u64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Start of an image name: ends in `/`.
    Prefix,
    /// Where files are fetched from: http or https, no slash at the end.
    Url,
    /// Names of letters and digits, with commas between them.
    Names,
    /// Value of a Kubernetes label.
    LabelValue,
}

/// Spellings Heat takes for true (`heat/engine/parameters.py` uses oslo's strict booleans).
const TRUE: [&str; 6] = ["true", "t", "yes", "y", "on", "1"];
const FALSE: [&str; 6] = ["false", "f", "no", "n", "off", "0"];

/// A boolean label in any of Heat's spellings; `None` for anything else.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let word = text.trim().to_ascii_lowercase();
    if TRUE.contains(&word.as_str()) {
        Some(true)
    } else if FALSE.contains(&word.as_str()) {
        Some(false)
    } else {
        None
    }
}

/// A boolean label, with `absent` where it is missing or empty.
pub(crate) fn switch(labels: &Labels, name: &str, absent: bool) -> bool {
    labels.value(name).and_then(boolean).unwrap_or(absent)
}

impl Label {
    /// The given value, unless it is missing or empty.
    pub fn given<'a>(&self, labels: &'a Labels) -> Option<&'a str> {
        labels.value(self.name).filter(|text| !text.trim().is_empty())
    }

    /// Refuses a value the nodes or Heat could not use.
    ///
    /// # Errors
    /// [`Error::BadValue`] with the label's name and what would be right.
    pub fn check(&self, labels: &Labels) -> Result<(), Error> {
        let Some(text) = self.given(labels) else { return Ok(()) };
        match self.form.fault(text) {
            None => Ok(()),
            Some(fix) => Err(Error::bad_value("labels", text, &format!("Label {}: {fix}", self.name))),
        }
    }
}

impl Form {
    /// What is wrong with `text`, said as what would be right.
    pub(crate) fn fault(self, text: &str) -> Option<String> {
        if text.chars().any(char::is_control) {
            return Some("use one line without control characters".to_owned());
        }
        let fine = match self {
            Self::Text => true,
            Self::Bool => boolean(text).is_some(),
            Self::Number(least, most) => text.trim().parse().is_ok_and(|n: i64| (least..=most).contains(&n)),
            Self::Cidr => is_cidr(text),
            // Heat hands each part to Neutron as it is.
            Self::Cidrs => text.split(',').all(is_cidr),
            Self::Tag => is_tag(text),
            Self::Kubernetes(least, end) => {
                let fits = |(major, minor, _)| major == 1 && (least..end).contains(&minor);
                is_tag(text) && numbers(text).is_none_or(fits)
            }
            Self::OneOf(words) => words.contains(&text),
            Self::Prefix => text.ends_with('/') && !text.contains(char::is_whitespace),
            Self::Url => is_url(text),
            Self::Names => text.split(',').all(is_name),
            Self::LabelValue => is_label_value(text),
        };
        (!fine).then(|| self.fix())
    }

    fn fix(self) -> String {
        match self {
            Self::Text => "use one line".to_owned(),
            Self::Bool => "use true or false".to_owned(),
            Self::Number(least, most) => format!("use a whole number from {least} to {most}"),
            Self::Cidr => "use an IPv4 network such as 10.100.0.0/16, with nothing set behind its length".to_owned(),
            Self::Cidrs => "use IPv4 networks such as 10.0.0.0/8, with commas and no blanks between them".to_owned(),
            Self::Tag => "use the tag of an image such as v1.11.6; latest is not a version".to_owned(),
            Self::Kubernetes(least, end) => {
                let to = if end == u64::MAX { String::new() } else { format!(" and below v1.{end}") };
                format!("nodes of this driver are set up for versions from v1.{least}{to}")
            }
            Self::OneOf(words) => format!("use one of {}", words.join(", ")),
            Self::Prefix => "use a prefix of image names that ends with a slash".to_owned(),
            Self::Url => "use a URL such as https://mirror.example/kubernetes, without a slash at its end".to_owned(),
            Self::Names => "use names such as NodeRestriction, with commas and no blanks between them".to_owned(),
            Self::LabelValue => {
                "use up to 63 letters, digits, -, _ and ., the first and last a letter or digit".to_owned()
            }
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.ends_with('/'))
        && text.chars().all(|c| c.is_ascii_graphic() && !"\"'\\<>".contains(c))
}

/// Neutron refuses addresses behind the prefix, and who counts from the first address would count from another.
fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| match (address.parse::<Ipv4Addr>(), length.parse::<u32>()) {
        (Ok(address), Ok(bits @ 0..=32)) => u32::from(address).checked_shl(bits).unwrap_or(0) == 0,
        _ => false,
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Docker's grammar of tags: 128 characters of letters, digits, `_`, `.` and `-`, the first no `.` or `-`.
fn is_tag(text: &str) -> bool {
    text != "latest"
        && text.len() <= 128
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_knows_right_from_wrong() {
        let right = [
            (Form::Text, "a=b,c"),
            (Form::Bool, "True"),
            (Form::Bool, "off"),
            (Form::Number(1, 30), "24"),
            (Form::Cidr, "10.0.0.0/24"),
            (Form::Cidr, "0.0.0.0/0"),
            (Form::Cidr, "10.9.8.7/32"),
            (Form::Cidrs, "10.0.0.0/8,192.168.0.0/16"),
            (Form::Names, "NodeRestriction,ServiceAccount"),
            (Form::LabelValue, "ingress-2"),
            (Form::Tag, "v1.11.6"),
            (Form::Kubernetes(9, 20), "v1.9.3"),
            (Form::Kubernetes(9, 20), "v1.19.16-own"),
            (Form::Kubernetes(9, 20), "stable"),
            (Form::Kubernetes(27, u64::MAX), "v1.99.0"),
            (Form::OneOf(&["udp", "vxlan"]), "vxlan"),
            (Form::Prefix, "mirror.example:5000/kube/"),
            (Form::Url, "https://mirror.example/kubernetes"),
        ];
        for (form, text) in right {
            assert_eq!(form.fault(text), None, "{form:?} {text}");
        }
        let wrong = [
            (Form::Text, "two\nlines"),
            (Form::Bool, "maybe"),
            (Form::Number(1, 30), "31"),
            (Form::Number(1, 30), "many"),
            (Form::Cidr, "10.0.0.0"),
            (Form::Cidr, "10.0.0/24"),
            (Form::Cidr, "172.20.9.9/24"),
            (Form::Cidrs, "10.0.0.0/8,"),
            (Form::Cidrs, "10.0.0.0/8, 192.168.0.0/16"),
            (Form::Names, "NodeRestriction, ServiceAccount"),
            (Form::Names, "NodeRestriction,"),
            (Form::LabelValue, "a\"b"),
            (Form::LabelValue, "-ingress"),
            (Form::Tag, "latest"),
            (Form::Kubernetes(9, 20), "latest"),
            (Form::Kubernetes(9, 20), "v1.8.15"),
            (Form::Kubernetes(9, 20), "v1.20.0"),
            (Form::Kubernetes(27, u64::MAX), "v2.0.0"),
            (Form::Tag, "v1 $(id)"),
            (Form::OneOf(&["udp", "vxlan"]), "VXLAN"),
            (Form::Prefix, "mirror.example:5000/kube"),
            (Form::Url, "mirror.example"),
            (Form::Url, "https://mirror.example/"),
            (Form::Url, "https://mirror example"),
        ];
        for (form, text) in wrong {
            assert!(form.fault(text).is_some(), "{form:?} {text}");
        }
    }
}
