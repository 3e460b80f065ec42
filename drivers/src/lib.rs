//! What a COE needs from Heat, as pure functions.
