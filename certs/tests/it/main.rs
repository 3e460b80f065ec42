//! The authority from outside, on every key store.

#[cfg(test)]
mod barbican;
#[cfg(test)]
mod database;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod world;
