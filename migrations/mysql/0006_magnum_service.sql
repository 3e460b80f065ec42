-- Magnum's own table and column names.
CREATE TABLE IF NOT EXISTS `magnum_service` (
    `id` INT NOT NULL AUTO_INCREMENT,
    `created_at` DATETIME,
    `updated_at` DATETIME,
    `report_count` INT NOT NULL,
    `host` VARCHAR(255),
    `binary` VARCHAR(255),
    `disabled` BOOLEAN,
    `disabled_reason` VARCHAR(255),
    `last_seen_up` DATETIME,
    `forced_down` BOOLEAN,
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_magnum_service0host0binary` (`host`, `binary`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
