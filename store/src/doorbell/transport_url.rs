//! `transport_url` in oslo.messaging's spelling:
//! `rabbit://user:password@host1:5672,user:password@host2:5672/vhost?ssl=1&ssl_ca_file=/path`.

use domain::{Error, Result, Secret};

use crate::url::decoded;

/// One broker of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) user: String,
    password: Password,
}

/// Compared in tests, shown nowhere.
#[derive(Clone, Debug)]
struct Password(Secret);

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for Password {}

impl Host {
    pub(super) fn password(&self) -> &str {
        self.password.0.expose()
    }
}

/// A transport URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransportUrl {
    pub(super) hosts: Vec<Host>,
    pub(super) vhost: String,
    /// `?ssl=1`, or a scheme that says so.
    pub(super) tls: bool,
    options: Vec<(String, String)>,
}

/// What a transport URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Rabbit(TransportUrl),
    /// `fake://` and `memory://`, which tests of deployments use.
    InProcess,
}

/// The URL is left out of every text because of its password.
fn unusable(why: &str) -> Error {
    Error::invalid(format!(
        "[DEFAULT] transport_url {why}. Use rabbit://user:password@host:5672/vhost, with commas between several \
         user:password@host:port"
    ))
}

impl Transport {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| unusable("is no URL"))?;
        match scheme.split('+').next().unwrap_or_default() {
            "rabbit" | "kombu" | "amqp" | "pyamqp" => Ok(Self::Rabbit(TransportUrl::parse(rest, false)?)),
            "amqps" => Ok(Self::Rabbit(TransportUrl::parse(rest, true)?)),
            "fake" | "memory" => Ok(Self::InProcess),
            _ => Err(unusable("names no broker this service knows")),
        }
    }
}

impl TransportUrl {
    fn parse(rest: &str, tls_scheme: bool) -> Result<Self> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, vhost) = rest.split_once('/').unwrap_or((rest, ""));
        let options: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut url = Self { hosts: Vec::new(), vhost: decoded(vhost)?, tls: tls_scheme, options };
        if url.vhost.is_empty() {
            url.vhost = "/".to_owned();
        }
        url.tls |= url
            .option("ssl")
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"));
        for host in hosts.split(',').filter(|host| !host.is_empty()) {
            let host = url.host(host)?;
            url.hosts.push(host);
        }
        if url.hosts.is_empty() {
            let host = url.host("localhost")?;
            url.hosts.push(host);
        }
        Ok(url)
    }

    /// One entry of the list; credentials that are missing are those of the entry before, else RabbitMQ's defaults.
    fn host(&self, text: &str) -> Result<Host> {
        let (credentials, address) = match text.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, text),
        };
        let (user, password) = match (credentials, self.hosts.last()) {
            (Some(credentials), _) => {
                let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
                (decoded(user)?, decoded(password)?)
            }
            (None, Some(before)) => (before.user.clone(), before.password().to_owned()),
            (None, None) => ("guest".to_owned(), "guest".to_owned()),
        };
        let (name, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => (name, rest.strip_prefix(':')),
            None => match address.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (address, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| unusable("has a port that is no number"))?,
            None if self.tls => 5671,
            None => 5672,
        };
        if name.is_empty() {
            return Err(unusable("has a host without a name"));
        }
        Ok(Host { name: name.to_owned(), port, user, password: Password(Secret::new(password)) })
    }

    /// The last value of a query option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rabbit(text: &str) -> TransportUrl {
        match Transport::parse(text).unwrap() {
            Transport::Rabbit(url) => url,
            Transport::InProcess => panic!("{text} names no broker"),
        }
    }

    #[test]
    fn several_hosts_vhost_and_options() {
        let url = rabbit(
            "rabbit://nova:p%40%2Fw@10.0.0.1:5673,nova2:x@[fd00::2]:5674,node3/mag%2Fnum?ssl=1&ssl_ca_file=/etc/ca.pem&ssl_version=TLSv1_2",
        );
        let seen: Vec<_> = url.hosts.iter().map(|h| (h.name.as_str(), h.port, h.user.as_str(), h.password())).collect();
        assert_eq!(
            seen,
            [("10.0.0.1", 5673, "nova", "p@/w"), ("fd00::2", 5674, "nova2", "x"), ("node3", 5671, "nova2", "x")]
        );
        assert_eq!((url.vhost.as_str(), url.tls, url.option("ssl_ca_file")), ("mag/num", true, Some("/etc/ca.pem")));
    }

    #[test]
    fn defaults_are_those_of_rabbitmq() {
        for text in ["rabbit://", "rabbit:///", "rabbit://localhost", "amqp://localhost/%2f", "rabbit://localhost//"] {
            let url = rabbit(text);
            assert_eq!((url.vhost.as_str(), url.tls), ("/", false), "{text}");
            let host = &url.hosts[0];
            assert_eq!(
                (host.name.as_str(), host.port, host.user.as_str(), host.password()),
                ("localhost", 5672, "guest", "guest")
            );
        }
        assert!(rabbit("amqps://h").tls && rabbit("kombu+amqp://h?ssl=True").tls);
        assert_eq!(rabbit("amqps://h").hosts[0].port, 5671);
    }

    #[test]
    fn a_plus_in_a_password_stays_a_plus() {
        assert_eq!(rabbit("rabbit://u:a+b%2Bc@h").hosts[0].password(), "a+b+c");
    }

    #[test]
    fn what_is_no_broker_is_refused_without_repeating_the_password() {
        for text in ["zmq://u:secret@h", "secret", "rabbit://u:secret@h:port/", "rabbit://u:secret@:5672"] {
            let told = Transport::parse(text).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
        assert_eq!(Transport::parse("fake://").unwrap(), Transport::InProcess);
        assert!(!format!("{:?}", rabbit("rabbit://u:topsecret@h")).contains("topsecret"));
    }
}
