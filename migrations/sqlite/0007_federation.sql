-- Magnum's own table and column names.
CREATE TABLE IF NOT EXISTS "federation" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "project_id" VARCHAR(255),
    "name" VARCHAR(255),
    "hostcluster_id" VARCHAR(255),
    "uuid" VARCHAR(36),
    "member_ids" TEXT,
    "status" VARCHAR(20),
    "status_reason" TEXT,
    "properties" TEXT,
    CONSTRAINT "uniq_federation0uuid" UNIQUE ("uuid")
);
