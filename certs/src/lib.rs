//! Cluster CAs, client certificates and where keys are kept.
