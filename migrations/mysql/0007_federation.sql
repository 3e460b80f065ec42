-- Magnum's own table and column names.
CREATE TABLE IF NOT EXISTS `federation` (
    `id` INT NOT NULL AUTO_INCREMENT,
    `created_at` DATETIME,
    `updated_at` DATETIME,
    `project_id` VARCHAR(255),
    `name` VARCHAR(255),
    `hostcluster_id` VARCHAR(255),
    `uuid` VARCHAR(36),
    `member_ids` TEXT,
    `status` VARCHAR(20),
    `status_reason` TEXT,
    `properties` TEXT,
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_federation0uuid` (`uuid`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
