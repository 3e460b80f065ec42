-- Where the etcd members of a cluster find each other: who has come, as a JSON list in the order of their coming.
CREATE TABLE IF NOT EXISTS `rs_discovery` (
    `token` VARCHAR(32) NOT NULL,
    `cluster_uuid` VARCHAR(36) NOT NULL,
    `size` BIGINT NOT NULL,
    `members` MEDIUMTEXT NOT NULL,
    `generation` BIGINT NOT NULL,
    `expires_at` DATETIME(6) NOT NULL,
    PRIMARY KEY (`token`),
    CONSTRAINT `uniq_rs_discovery0cluster_uuid` UNIQUE (`cluster_uuid`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
