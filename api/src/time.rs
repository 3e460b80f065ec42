//! Timestamps on the wire: RFC 3339 with an offset, the fraction only where there is one.

use chrono::{DateTime, SecondsFormat, Timelike, Utc};

/// `2018-03-05T11:22:33+00:00`; gophercloud refuses an object whose times have no offset.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    let format = if time.nanosecond() < 1_000 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    time.to_rfc3339_opts(format, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_shows_only_when_there_is_one() {
        let time = |text: &str| stamp(text.parse().unwrap());
        assert_eq!(time("2018-03-05T11:22:33Z"), "2018-03-05T11:22:33+00:00");
        assert_eq!(time("2018-03-05T11:22:33.5Z"), "2018-03-05T11:22:33.500000+00:00");
        assert_eq!(time("2018-03-05T11:22:33.000000001Z"), "2018-03-05T11:22:33+00:00");
    }
}
