//! The whole service in one process: real HTTP, a real database, a simulated cloud, a conductor the test steps.

mod arrows;
mod crash;
mod flows;
mod world;
