-- Who does a piece of periodic work, and until when.
CREATE TABLE IF NOT EXISTS "rs_lease" (
    "name" VARCHAR(255) NOT NULL,
    "owner" VARCHAR(255) NOT NULL,
    "until" DATETIME NOT NULL,
    "generation" INTEGER NOT NULL,
    PRIMARY KEY ("name")
);
