-- Magnum's own table and column names. The only resource is Cluster.
CREATE TABLE IF NOT EXISTS "quotas" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "project_id" VARCHAR(255),
    "resource" VARCHAR(255),
    "hard_limit" INTEGER NOT NULL,
    CONSTRAINT "uniq_quotas0project_id0resource" UNIQUE ("project_id", "resource")
);
