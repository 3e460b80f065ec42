//! Talking to OpenStack.
