//! What is durable: rows, operations, leases, doorbell.
