//! A simulated OpenStack over real HTTP, for tests and laptops.
//!
//! One port serves Keystone, Heat, Glance, Nova, Neutron, Cinder, Barbican and Octavia, each under its own path prefix.
//! Every service keeps real state, refuses what the real one refuses, and words its refusals alike. Heat evaluates the
//! template it is given; where asked to, the simulated nodes call back as real ones do and serve TLS on the cluster's
//! API address. Nothing here knows the product under test: it is driven by HTTP alone.
//!
//! Simpler than a real cloud: a stack's resources exist as soon as the request is answered and only its status takes time;
//! a stack's resources are built in order, so a failure leaves the later ones out; software deployments always succeed, and
//! so do wait conditions unless they are told to wait; no packet flows but to the played API servers, for whose sake
//! addresses lie in 127.0.0.0/8 where nodes are played. docs/SIMULATION.md tells what differs from the real services.

mod barbican;
mod calls;
mod census;
mod cinder;
mod cloud;
mod faults;
mod glance;
mod heat;
mod hot;
mod http;
mod identity;
mod neutron;
mod nova;
mod octavia;
mod operator;
mod player;
mod routers;
mod seed;
mod server;
mod state;

pub use calls::Call;
pub use census::Census;
pub use cloud::{DevCloud, Settings};
pub use faults::{Effect, Fault};
pub use player::NodeState;
pub use seed::{Account, Seed};
