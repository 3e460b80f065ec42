//! A simulated OpenStack over real HTTP.
