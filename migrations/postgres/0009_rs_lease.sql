-- Who does a piece of periodic work, and until when.
CREATE TABLE IF NOT EXISTS "rs_lease" (
    "name" VARCHAR(255) COLLATE "C" NOT NULL,
    "owner" VARCHAR(255) COLLATE "C" NOT NULL,
    "until" TIMESTAMPTZ NOT NULL,
    "generation" BIGINT NOT NULL,
    PRIMARY KEY ("name")
);
