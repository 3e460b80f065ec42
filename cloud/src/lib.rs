//! Talking to OpenStack: sessions, token validation, and one small module of calls per service.
//!
//! [`Cloud`] is made from [`Settings`] without touching the network. From it come a [`Session`] per identity (the
//! caller's token, the service user, a cluster's trust, the trustee-domain admin) and [`Identity`], which validates
//! tokens. A session hands out the services: `session.heat().create(&body)`.
//!
//! Every call goes through one pipeline (`call.rs`): timeout, bounded concurrency, retries, one repeat after a 401,
//! redirects, and errors that say what was being done. Look-ups answer `Ok(None)` for a 404. Nothing here knows what a
//! cluster is; nothing here prints a token, a password or a key.

mod auth;
mod barbican;
mod call;
mod catalogue;
mod cinder;
mod cloud;
mod core;
mod detail;
mod glance;
mod heat;
mod identity;
mod keystone;
mod neutron;
mod nova;
mod octavia;
mod operator;
mod outside;
mod session;
mod settings;
mod token;

pub use barbican::{Barbican, Container, NewContainer, SecretRef, SecretSummary};
pub use catalogue::Catalogue;
pub use cinder::{Cinder, Volume, VolumeType};
pub use cloud::Cloud;
pub use domain::options::Interface;
pub use glance::{Glance, Image};
pub use heat::{Event, Heat, Link, Output, Reports, Resource, Stack, StackFilter};
pub use identity::{Identity, Validated};
pub use keystone::{Keystone, Project, Region, Service as KeystoneService, Trust, User};
pub use neutron::{FloatingIp, Network, Neutron, Port, Subnet};
pub use nova::{Flavor, Keypair, Nova, Server};
pub use octavia::{LoadBalancer, Octavia};
pub use operator::{Account, Domain, Endpoint, Operator, Role, RoleTarget, Scope, Switch};
pub use session::{Service, Session};
pub use settings::{Client, Credentials, Named, Settings, TrustSettings};
