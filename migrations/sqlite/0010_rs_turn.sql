-- Rows that transactions write first to take turns: project/<id>, template/<uuid>, cluster/<uuid>. A written row
-- makes them wait for each other on one server, and makes them conflict on a cluster of several.
CREATE TABLE IF NOT EXISTS "rs_turn" (
    "name" VARCHAR(255) NOT NULL,
    "turn" INTEGER NOT NULL,
    PRIMARY KEY ("name")
);
