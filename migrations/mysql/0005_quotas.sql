-- Magnum's own table and column names. The only resource is Cluster.
CREATE TABLE IF NOT EXISTS `quotas` (
    `id` INT NOT NULL AUTO_INCREMENT,
    `created_at` DATETIME,
    `updated_at` DATETIME,
    `project_id` VARCHAR(255),
    `resource` VARCHAR(255),
    `hard_limit` INT NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_quotas0project_id0resource` (`project_id`, `resource`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
