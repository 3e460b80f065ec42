//! The crate from outside: the pipeline against a scripted server, the calls against a simulated cloud.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod pipeline;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
