//! Which workers of a stack are there, told by their names, and what inquiries about nodes that leave have in common.

use std::collections::{BTreeSet, VecDeque};

use super::{Answer, Inquiry, Reply, Request, Workers, shown};

/// Changes one inquiry may make; what is more waits for the next.
const CHANGES: usize = 60;

/// An inquiry that tells how much is left to wait for.
pub trait Leaving: Inquiry<Told = Result<usize, String>> {}

impl<T: Inquiry<Told = Result<usize, String>>> Leaving for T {}

/// The workers of a stack by the names of their servers, which their nodes have too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roll {
    prefix: String,
    present: Option<BTreeSet<u64>>,
}

impl Roll {
    /// Of the stack of this name, whose group has `present` as its members; `None` when nobody knows.
    #[must_use]
    pub fn new(workers: Workers, stack: &str, present: Option<BTreeSet<u64>>) -> Self {
        Self { prefix: format!("{stack}-{}-", workers.word), present }
    }

    /// Name of the member with this number.
    #[must_use]
    pub fn name(&self, number: u64) -> String {
        format!("{}{number}", self.prefix)
    }

    /// Number of the member that has or had this name; `None` for whatever is not of this stack. Case does not count, as
    /// a kubelet writes its name in small letters.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        let (head, number) = name.split_at_checked(self.prefix.len())?;
        let number = number.parse().ok().filter(|read: &u64| read.to_string() == number)?;
        head.eq_ignore_ascii_case(&self.prefix).then_some(number)
    }

    /// A worker of this stack whose server is gone.
    pub(super) fn is_gone(&self, name: &str) -> bool {
        let present = |number| self.present.as_ref().is_none_or(|present| present.contains(&number));
        self.number(name).is_some_and(|number| !present(number))
    }
}

/// Changes to be told one after the other, and what came of them.
#[derive(Default)]
pub(super) struct Changes {
    queue: VecDeque<Request>,
    told: usize,
    left: usize,
    refusal: Option<String>,
}

impl Changes {
    pub(super) fn add(&mut self, request: Request) {
        self.queue.push_back(request);
    }

    /// Something that is not done yet, and that this inquiry does no more about.
    pub(super) fn wait_for(&mut self, count: usize) {
        self.left += count;
    }

    /// The next change, while there is one and this inquiry may make it.
    pub(super) fn next(&mut self) -> Option<Request> {
        if self.told >= CHANGES {
            return None;
        }
        let next = self.queue.pop_front()?;
        self.told += 1;
        Some(next)
    }

    /// Hears what came of the last one. Where `again` says so it will be possible later.
    pub(super) fn hear(&mut self, answer: Answer, again: fn(&Reply) -> bool) -> Result<(), String> {
        let reply = answer?;
        match reply.status {
            // What is gone needs no change.
            200..300 | 404 => {}
            _ if again(&reply) => self.left += 1,
            status => {
                self.refusal.get_or_insert_with(|| format!("status {status}: {}", shown(&reply.body)));
            }
        }
        Ok(())
    }

    /// How much is left, or why something will not be done.
    pub(super) fn end(&mut self) -> Result<usize, String> {
        match self.refusal.take() {
            Some(refusal) => Err(refusal),
            None => Ok(self.left + self.queue.len()),
        }
    }
}

/// Whether a text that a cluster gave as a name can be part of a URL.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(plain)
}
