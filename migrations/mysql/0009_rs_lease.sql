-- Who does a piece of periodic work, and until when.
CREATE TABLE IF NOT EXISTS `rs_lease` (
    `name` VARCHAR(255) NOT NULL,
    `owner` VARCHAR(255) NOT NULL,
    `until` DATETIME(6) NOT NULL,
    `generation` BIGINT NOT NULL,
    PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
