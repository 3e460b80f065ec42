-- The sqlite tables after all migrations; written by `make gen`, compared by a test.

CREATE TABLE "cluster" (
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
    "master_lb_enabled" BOOLEAN, "trustee_rotation" TEXT,
    CONSTRAINT "uniq_bay0uuid" UNIQUE ("uuid")
);

CREATE INDEX "rs_cluster_name" ON "cluster" ("name");

CREATE INDEX "rs_cluster_project" ON "cluster" ("project_id", "id");

CREATE INDEX "rs_cluster_status" ON "cluster" ("status");

CREATE INDEX "rs_cluster_template" ON "cluster" ("cluster_template_id");

CREATE INDEX "rs_cluster_trustee" ON "cluster" ("trustee_user_id");

CREATE INDEX "rs_cluster_user" ON "cluster" ("user_id", "id");

CREATE TABLE "cluster_template" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "uuid" VARCHAR(36),
    "name" VARCHAR(255),
    "project_id" VARCHAR(255),
    "user_id" VARCHAR(255),
    "image_id" VARCHAR(255),
    "flavor_id" VARCHAR(255),
    "master_flavor_id" VARCHAR(255),
    "keypair_id" VARCHAR(255),
    "external_network_id" VARCHAR(255),
    "fixed_network" VARCHAR(255),
    "fixed_subnet" VARCHAR(255),
    "network_driver" VARCHAR(255),
    "volume_driver" VARCHAR(255),
    "dns_nameserver" VARCHAR(255),
    "apiserver_port" INTEGER,
    "docker_volume_size" INTEGER,
    "docker_storage_driver" VARCHAR(512),
    "cluster_distro" VARCHAR(255),
    "coe" VARCHAR(255),
    "server_type" VARCHAR(255) DEFAULT 'vm',
    "http_proxy" VARCHAR(255),
    "https_proxy" VARCHAR(255),
    "no_proxy" VARCHAR(255),
    "insecure_registry" VARCHAR(255),
    "labels" TEXT,
    "registry_enabled" BOOLEAN,
    "tls_disabled" BOOLEAN,
    "public" BOOLEAN,
    "master_lb_enabled" BOOLEAN,
    "floating_ip_enabled" BOOLEAN,
    "hidden" BOOLEAN,
    "tags" VARCHAR(255),
    "driver" VARCHAR(255),
    CONSTRAINT "uniq_baymodel0uuid" UNIQUE ("uuid")
);

CREATE INDEX "rs_cluster_template_name" ON "cluster_template" ("name");

CREATE INDEX "rs_cluster_template_project" ON "cluster_template" ("project_id", "id");

CREATE INDEX "rs_cluster_template_public" ON "cluster_template" ("public", "id");

CREATE TABLE "federation" (
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

CREATE TABLE "magnum_service" (
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

CREATE TABLE "nodegroup" (
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

CREATE INDEX "rs_nodegroup_project" ON "nodegroup" ("project_id");

CREATE TABLE "quotas" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "project_id" VARCHAR(255),
    "resource" VARCHAR(255),
    "hard_limit" INTEGER NOT NULL,
    CONSTRAINT "uniq_quotas0project_id0resource" UNIQUE ("project_id", "resource")
);

CREATE TABLE "rs_discovery" (
    "token" VARCHAR(32) NOT NULL,
    "cluster_uuid" VARCHAR(36) NOT NULL,
    "size" INTEGER NOT NULL,
    "members" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "expires_at" DATETIME NOT NULL,
    PRIMARY KEY ("token"),
    CONSTRAINT "uniq_rs_discovery0cluster_uuid" UNIQUE ("cluster_uuid")
);

CREATE TABLE "rs_lease" (
    "name" VARCHAR(255) NOT NULL,
    "owner" VARCHAR(255) NOT NULL,
    "until" DATETIME NOT NULL,
    "generation" INTEGER NOT NULL,
    PRIMARY KEY ("name")
);

CREATE TABLE "rs_operation" (
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

CREATE INDEX "rs_operation_cluster" ON "rs_operation" ("cluster_uuid", "seq");

CREATE INDEX "rs_operation_due" ON "rs_operation" ("state", "run_at");

CREATE INDEX "rs_operation_finished" ON "rs_operation" ("finished_at");

CREATE TABLE rs_schema (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);

CREATE TABLE "rs_turn" (
    "name" VARCHAR(255) NOT NULL,
    "turn" INTEGER NOT NULL,
    PRIMARY KEY ("name")
);

CREATE TABLE "x509keypair" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "created_at" DATETIME,
    "updated_at" DATETIME,
    "uuid" VARCHAR(36),
    "certificate" TEXT,
    "private_key" TEXT,
    "private_key_passphrase" TEXT,
    "intermediates" TEXT,
    "project_id" VARCHAR(255),
    "user_id" VARCHAR(255),
    CONSTRAINT "uniq_x509keypair0uuid" UNIQUE ("uuid")
);

