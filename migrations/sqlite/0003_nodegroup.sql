-- Magnum's own table and column names. cluster_id is the uuid of the cluster.
CREATE TABLE IF NOT EXISTS "nodegroup" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "uuid" VARCHAR(36) NOT NULL,
    "name" VARCHAR(255) NOT NULL,
    "cluster_id" VARCHAR(255) NOT NULL,
    "project_id" VARCHAR(255) NOT NULL,
    "docker_volume_size" INTEGER,
    "labels" TEXT,
    "flavor_id" VARCHAR(255),
    "image_id" VARCHAR(255),
    "node_addresses" TEXT,
    "node_count" INTEGER,
    "min_node_count" INTEGER,
    "max_node_count" INTEGER,
    "role" VARCHAR(255),
    "is_default" BOOLEAN,
    "stack_id" VARCHAR(255),
    "status" VARCHAR(20),
    "status_reason" TEXT,
    "version" VARCHAR(20),
    "node_labels" TEXT,
    "node_taints" TEXT,
    CONSTRAINT "uniq_nodegroup0uuid" UNIQUE ("uuid"),
    CONSTRAINT "uniq_nodegroup0cluster_id0name" UNIQUE ("cluster_id", "name")
);
CREATE INDEX IF NOT EXISTS "rs_nodegroup_project" ON "nodegroup" ("project_id");
