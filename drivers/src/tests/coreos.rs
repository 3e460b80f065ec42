//! The Fedora CoreOS driver: what it refuses and computes, and its scripts carried out in a root of their own.

mod credentials;
mod manifests;
mod node;
mod orders;
mod rules;
mod scripts;
