//! `magnum bootstrap` as an operator runs it, against a simulated cloud that nobody has set up for this service.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod made;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod service;
