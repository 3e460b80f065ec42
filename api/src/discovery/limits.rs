//! How much of a process the discovery protocol may use, because everybody may speak it.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::protocol::Fault;

/// Requests a second, and how many may come at once after a quiet time.
const RATE: NonZeroU32 = NonZeroU32::new(100).unwrap();
const BURST: NonZeroU32 = NonZeroU32::new(400).unwrap();
/// Members that may wait at one place, and at all of them.
const WAITING_AT_ONE: usize = 32;
const WAITING: usize = 512;

/// The limits of one process.
pub(crate) struct Limits {
    requests: DefaultDirectRateLimiter,
    waiting: Arc<Mutex<HashMap<String, usize>>>,
}

impl Default for Limits {
    fn default() -> Self {
        let requests = RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST));
        Self { requests, waiting: Arc::default() }
    }
}

impl Limits {
    /// Counts a request.
    pub(super) fn admit(&self) -> Result<(), Fault> {
        self.requests.check().map_err(|_| Fault::busy("too many requests"))
    }

    /// Counts a member that waits, until the answer is dropped.
    pub(super) fn wait(&self, token: &str) -> Result<Waiting, Fault> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.values().sum::<usize>() >= WAITING {
            return Err(Fault::busy("too many members wait"));
        }
        let here = waiting.entry(token.to_owned()).or_default();
        if *here >= WAITING_AT_ONE {
            return Err(Fault::busy("too many members wait here"));
        }
        *here += 1;
        Ok(Waiting { all: Arc::clone(&self.waiting), token: token.to_owned() })
    }
}

/// One that waits.
pub(super) struct Waiting {
    all: Arc<Mutex<HashMap<String, usize>>>,
    token: String,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = all.get_mut(&self.token) {
            *here -= 1;
            if *here == 0 {
                all.remove(&self.token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_served_and_a_flood_is_not() {
        let limits = Limits::default();
        let served = (0..1000).filter(|_| limits.admit().is_ok()).count();
        assert!((400..500).contains(&served), "{served}");
    }

    #[test]
    fn one_place_cannot_take_all_room_to_wait() {
        let limits = Limits::default();
        let here: Vec<_> = (0..WAITING_AT_ONE).map(|_| limits.wait("one").map_err(|fault| fault.to_string())).collect();
        assert!(here.iter().all(Result::is_ok));
        assert!(limits.wait("one").is_err());
        assert!(limits.wait("two").is_ok());
        drop(here);
        assert!(limits.wait("one").is_ok());
        assert!(limits.waiting.lock().is_ok_and(|waiting| waiting.is_empty()), "nothing is remembered of who is gone");
        let many: Vec<_> = (0..WAITING).filter_map(|n| limits.wait(&(n / 8).to_string()).ok()).collect();
        assert_eq!(many.len(), WAITING);
        assert!(limits.wait("last").is_err());
    }
}
