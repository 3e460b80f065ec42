-- Credentials that its servers are made with and a trustee that is to come or to go, sealed; NULL until a rotation.
-- MySQL knows no IF NOT EXISTS for columns, and its schema changes are in no transaction.
SET @change = IF(
    EXISTS (
        SELECT 1 FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'cluster' AND COLUMN_NAME = 'trustee_rotation'
    ),
    'DO 0',
    'ALTER TABLE `cluster` ADD COLUMN `trustee_rotation` TEXT'
);
PREPARE change_cluster FROM @change;
EXECUTE change_cluster;
DEALLOCATE PREPARE change_cluster;
