-- Magnum's own table and column names.
CREATE TABLE IF NOT EXISTS "magnum_service" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "report_count" INTEGER NOT NULL,
    "host" VARCHAR(255),
    "binary" VARCHAR(255),
    "disabled" BOOLEAN,
    "disabled_reason" VARCHAR(255),
    "last_seen_up" DATETIME,
    "forced_down" BOOLEAN,
    CONSTRAINT "uniq_magnum_service0host0binary" UNIQUE ("host", "binary")
);
