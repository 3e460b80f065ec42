-- Credentials that its servers are made with and a trustee that is to come or to go, sealed; NULL until a rotation.
ALTER TABLE "cluster" ADD COLUMN IF NOT EXISTS "trustee_rotation" TEXT;
