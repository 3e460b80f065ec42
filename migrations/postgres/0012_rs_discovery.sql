-- Where the etcd members of a cluster find each other: who has come, as a JSON list in the order of their coming.
CREATE TABLE IF NOT EXISTS "rs_discovery" (
    "token" VARCHAR(32) COLLATE "C" NOT NULL,
    "cluster_uuid" VARCHAR(36) COLLATE "C" NOT NULL,
    "size" BIGINT NOT NULL,
    "members" TEXT COLLATE "C" NOT NULL,
    "generation" BIGINT NOT NULL,
    "expires_at" TIMESTAMPTZ NOT NULL,
    PRIMARY KEY ("token"),
    CONSTRAINT "uniq_rs_discovery0cluster_uuid" UNIQUE ("cluster_uuid")
);
