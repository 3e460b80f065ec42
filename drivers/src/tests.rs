//! Tests every driver has to pass, on the same sample inputs.

mod added;
mod atomic;
mod coreos;
mod flags;
mod generic;
mod hot;
mod ignition;
mod leaving;
mod mesos;
mod monitor;
mod release;
mod rules;
mod run;
mod samples;
mod scripts;
mod snapshots;
mod swarm;
