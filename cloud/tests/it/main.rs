//! The crate from outside: the pipeline against a scripted server, the calls against a simulated cloud.

mod calls;
mod pipeline;
mod stub;
mod tokens;
