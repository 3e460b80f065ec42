//! Making it happen, once, whatever crashes.
