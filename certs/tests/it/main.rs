//! The authority from outside, on every key store.

#[cfg(test)]
mod barbican;
#[cfg(test)]
mod database;
#[cfg(test)]
mod lifecycle;
mod rotation;
#[cfg(test)]
mod world;
