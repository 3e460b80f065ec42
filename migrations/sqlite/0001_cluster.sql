-- Magnum's own table and column names, with the columns of its node group releases and the trust columns of the
-- earlier ones.
CREATE TABLE IF NOT EXISTS "cluster" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "uuid" VARCHAR(36),
    "name" VARCHAR(255),
    "project_id" VARCHAR(255),
    "user_id" VARCHAR(255),
    "cluster_template_id" VARCHAR(255),
    "status" VARCHAR(20),
    "status_reason" TEXT,
    "stack_id" VARCHAR(255),
    "api_address" VARCHAR(255),
    "discovery_url" VARCHAR(255),
    "create_timeout" INTEGER,
    "keypair" VARCHAR(255),
    "docker_volume_size" INTEGER,
    "labels" TEXT,
    "flavor_id" VARCHAR(255),
    "master_flavor_id" VARCHAR(255),
    "coe_version" VARCHAR(255),
    "container_version" VARCHAR(255),
    "ca_cert_ref" VARCHAR(512),
    "magnum_cert_ref" VARCHAR(512),
    "etcd_ca_cert_ref" VARCHAR(512),
    "front_proxy_ca_cert_ref" VARCHAR(512),
    "trust_id" VARCHAR(255),
    "trustee_username" VARCHAR(255),
    "trustee_user_id" VARCHAR(255),
    "trustee_password" VARCHAR(255),
    "health_status" VARCHAR(20),
    "health_status_reason" TEXT,
    "fixed_network" VARCHAR(255),
    "fixed_subnet" VARCHAR(255),
    "floating_ip_enabled" BOOLEAN,
    "master_lb_enabled" BOOLEAN,
    CONSTRAINT "uniq_bay0uuid" UNIQUE ("uuid")
);
CREATE INDEX IF NOT EXISTS "rs_cluster_project" ON "cluster" ("project_id", "id");
CREATE INDEX IF NOT EXISTS "rs_cluster_user" ON "cluster" ("user_id", "id");
CREATE INDEX IF NOT EXISTS "rs_cluster_name" ON "cluster" ("name");
CREATE INDEX IF NOT EXISTS "rs_cluster_template" ON "cluster" ("cluster_template_id");
CREATE INDEX IF NOT EXISTS "rs_cluster_status" ON "cluster" ("status");
CREATE INDEX IF NOT EXISTS "rs_cluster_trustee" ON "cluster" ("trustee_user_id");
