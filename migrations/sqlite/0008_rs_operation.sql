-- What was promised with a 202 or 204, and how far it is.
-- active_key is the cluster's uuid while the operation is the live one of its cluster, pending_key is
-- cluster uuid/node group uuid while a resize waits; both are NULL otherwise, so that UNIQUE holds the promise.
CREATE TABLE IF NOT EXISTS "rs_operation" (
    "seq" INTEGER PRIMARY KEY AUTOINCREMENT,
    "id" VARCHAR(36) NOT NULL,
    "cluster_uuid" VARCHAR(36) NOT NULL,
    "project_id" VARCHAR(255) NOT NULL,
    "user_id" VARCHAR(255) NOT NULL,
    "request_id" VARCHAR(255) NOT NULL,
    "kind" VARCHAR(20) NOT NULL,
    "params" TEXT NOT NULL,
    "state" VARCHAR(20) NOT NULL,
    "step" VARCHAR(80) NOT NULL,
    "attempt" INTEGER NOT NULL,
    "run_at" DATETIME NOT NULL,
    "step_since" DATETIME NOT NULL,
    "lease_owner" VARCHAR(255),
    "lease_until" DATETIME,
    "generation" INTEGER NOT NULL,
    "sealed_token" TEXT,
    "reason" TEXT,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME,
    "finished_at" DATETIME,
    "active_key" VARCHAR(36),
    "pending_key" VARCHAR(80),
    CONSTRAINT "uniq_rs_operation0id" UNIQUE ("id"),
    CONSTRAINT "uniq_rs_operation0active_key" UNIQUE ("active_key"),
    CONSTRAINT "uniq_rs_operation0pending_key" UNIQUE ("pending_key")
);
CREATE INDEX IF NOT EXISTS "rs_operation_due" ON "rs_operation" ("state", "run_at");
CREATE INDEX IF NOT EXISTS "rs_operation_cluster" ON "rs_operation" ("cluster_uuid", "seq");
CREATE INDEX IF NOT EXISTS "rs_operation_finished" ON "rs_operation" ("finished_at");
