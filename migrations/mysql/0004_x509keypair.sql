-- Magnum's own table and column names. What is secret in it arrives sealed.
CREATE TABLE IF NOT EXISTS `x509keypair` (
    `id` INT NOT NULL AUTO_INCREMENT,
    `created_at` DATETIME,
    `updated_at` DATETIME,
    `uuid` VARCHAR(36),
    `certificate` TEXT,
    `private_key` TEXT,
    `private_key_passphrase` TEXT,
    `intermediates` TEXT,
    `project_id` VARCHAR(255),
    `user_id` VARCHAR(255),
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_x509keypair0uuid` (`uuid`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
