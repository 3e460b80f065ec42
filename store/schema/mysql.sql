-- The mysql tables after all migrations; written by `make gen`, compared by a test.

CREATE TABLE `cluster` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  `cluster_template_id` varchar(255) DEFAULT NULL,
  `status` varchar(20) DEFAULT NULL,
  `status_reason` text DEFAULT NULL,
  `stack_id` varchar(255) DEFAULT NULL,
  `api_address` varchar(255) DEFAULT NULL,
  `discovery_url` varchar(255) DEFAULT NULL,
  `create_timeout` int(11) DEFAULT NULL,
  `keypair` varchar(255) DEFAULT NULL,
  `docker_volume_size` int(11) DEFAULT NULL,
  `labels` mediumtext DEFAULT NULL,
  `flavor_id` varchar(255) DEFAULT NULL,
  `master_flavor_id` varchar(255) DEFAULT NULL,
  `coe_version` varchar(255) DEFAULT NULL,
  `container_version` varchar(255) DEFAULT NULL,
  `ca_cert_ref` varchar(512) DEFAULT NULL,
  `magnum_cert_ref` varchar(512) DEFAULT NULL,
  `etcd_ca_cert_ref` varchar(512) DEFAULT NULL,
  `front_proxy_ca_cert_ref` varchar(512) DEFAULT NULL,
  `trust_id` varchar(255) DEFAULT NULL,
  `trustee_username` varchar(255) DEFAULT NULL,
  `trustee_user_id` varchar(255) DEFAULT NULL,
  `trustee_password` varchar(255) DEFAULT NULL,
  `health_status` varchar(20) DEFAULT NULL,
  `health_status_reason` mediumtext DEFAULT NULL,
  `fixed_network` varchar(255) DEFAULT NULL,
  `fixed_subnet` varchar(255) DEFAULT NULL,
  `floating_ip_enabled` tinyint(1) DEFAULT NULL,
  `master_lb_enabled` tinyint(1) DEFAULT NULL,
  `trustee_rotation` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_bay0uuid` (`uuid`),
  KEY `rs_cluster_project` (`project_id`,`id`),
  KEY `rs_cluster_user` (`user_id`,`id`),
  KEY `rs_cluster_name` (`name`),
  KEY `rs_cluster_template` (`cluster_template_id`),
  KEY `rs_cluster_status` (`status`),
  KEY `rs_cluster_trustee` (`trustee_user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `cluster_template` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  `image_id` varchar(255) DEFAULT NULL,
  `flavor_id` varchar(255) DEFAULT NULL,
  `master_flavor_id` varchar(255) DEFAULT NULL,
  `keypair_id` varchar(255) DEFAULT NULL,
  `external_network_id` varchar(255) DEFAULT NULL,
  `fixed_network` varchar(255) DEFAULT NULL,
  `fixed_subnet` varchar(255) DEFAULT NULL,
  `network_driver` varchar(255) DEFAULT NULL,
  `volume_driver` varchar(255) DEFAULT NULL,
  `dns_nameserver` varchar(255) DEFAULT NULL,
  `apiserver_port` int(11) DEFAULT NULL,
  `docker_volume_size` int(11) DEFAULT NULL,
  `docker_storage_driver` varchar(512) DEFAULT NULL,
  `cluster_distro` varchar(255) DEFAULT NULL,
  `coe` varchar(255) DEFAULT NULL,
  `server_type` varchar(255) DEFAULT 'vm',
  `http_proxy` varchar(255) DEFAULT NULL,
  `https_proxy` varchar(255) DEFAULT NULL,
  `no_proxy` varchar(255) DEFAULT NULL,
  `insecure_registry` varchar(255) DEFAULT NULL,
  `labels` mediumtext DEFAULT NULL,
  `registry_enabled` tinyint(1) DEFAULT NULL,
  `tls_disabled` tinyint(1) DEFAULT NULL,
  `public` tinyint(1) DEFAULT NULL,
  `master_lb_enabled` tinyint(1) DEFAULT NULL,
  `floating_ip_enabled` tinyint(1) DEFAULT NULL,
  `hidden` tinyint(1) DEFAULT NULL,
  `tags` varchar(255) DEFAULT NULL,
  `driver` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_baymodel0uuid` (`uuid`),
  KEY `rs_cluster_template_project` (`project_id`,`id`),
  KEY `rs_cluster_template_name` (`name`),
  KEY `rs_cluster_template_public` (`public`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `federation` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `name` varchar(255) DEFAULT NULL,
  `hostcluster_id` varchar(255) DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  `member_ids` text DEFAULT NULL,
  `status` varchar(20) DEFAULT NULL,
  `status_reason` text DEFAULT NULL,
  `properties` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_federation0uuid` (`uuid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `magnum_service` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `report_count` int(11) NOT NULL,
  `host` varchar(255) DEFAULT NULL,
  `binary` varchar(255) DEFAULT NULL,
  `disabled` tinyint(1) DEFAULT NULL,
  `disabled_reason` varchar(255) DEFAULT NULL,
  `last_seen_up` datetime DEFAULT NULL,
  `forced_down` tinyint(1) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_magnum_service0host0binary` (`host`,`binary`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `nodegroup` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `uuid` varchar(36) NOT NULL,
  `name` varchar(255) NOT NULL,
  `cluster_id` varchar(255) NOT NULL,
  `project_id` varchar(255) NOT NULL,
  `docker_volume_size` int(11) DEFAULT NULL,
  `labels` mediumtext DEFAULT NULL,
  `flavor_id` varchar(255) DEFAULT NULL,
  `image_id` varchar(255) DEFAULT NULL,
  `node_addresses` mediumtext DEFAULT NULL,
  `node_count` int(11) DEFAULT NULL,
  `min_node_count` int(11) DEFAULT NULL,
  `max_node_count` int(11) DEFAULT NULL,
  `role` varchar(255) DEFAULT NULL,
  `is_default` tinyint(1) DEFAULT NULL,
  `stack_id` varchar(255) DEFAULT NULL,
  `status` varchar(20) DEFAULT NULL,
  `status_reason` text DEFAULT NULL,
  `version` varchar(20) DEFAULT NULL,
  `node_labels` mediumtext DEFAULT NULL,
  `node_taints` mediumtext DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_nodegroup0uuid` (`uuid`),
  UNIQUE KEY `uniq_nodegroup0cluster_id0name` (`cluster_id`,`name`),
  KEY `rs_nodegroup_project` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `quotas` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `resource` varchar(255) DEFAULT NULL,
  `hard_limit` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_quotas0project_id0resource` (`project_id`,`resource`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `rs_discovery` (
  `token` varchar(32) NOT NULL,
  `cluster_uuid` varchar(36) NOT NULL,
  `size` bigint(20) NOT NULL,
  `members` mediumtext NOT NULL,
  `generation` bigint(20) NOT NULL,
  `expires_at` datetime(6) NOT NULL,
  PRIMARY KEY (`token`),
  UNIQUE KEY `uniq_rs_discovery0cluster_uuid` (`cluster_uuid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `rs_lease` (
  `name` varchar(255) NOT NULL,
  `owner` varchar(255) NOT NULL,
  `until` datetime(6) NOT NULL,
  `generation` bigint(20) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `rs_operation` (
  `seq` bigint(20) NOT NULL AUTO_INCREMENT,
  `id` varchar(36) NOT NULL,
  `cluster_uuid` varchar(36) NOT NULL,
  `project_id` varchar(255) NOT NULL,
  `user_id` varchar(255) NOT NULL,
  `request_id` varchar(255) NOT NULL,
  `kind` varchar(20) NOT NULL,
  `params` mediumtext NOT NULL,
  `state` varchar(20) NOT NULL,
  `step` varchar(80) NOT NULL,
  `attempt` bigint(20) NOT NULL,
  `run_at` datetime(6) NOT NULL,
  `step_since` datetime(6) NOT NULL,
  `lease_owner` varchar(255) DEFAULT NULL,
  `lease_until` datetime(6) DEFAULT NULL,
  `generation` bigint(20) NOT NULL,
  `sealed_token` mediumtext DEFAULT NULL,
  `reason` text DEFAULT NULL,
  `created_at` datetime(6) NOT NULL,
  `updated_at` datetime(6) DEFAULT NULL,
  `finished_at` datetime(6) DEFAULT NULL,
  `active_key` varchar(36) DEFAULT NULL,
  `pending_key` varchar(80) DEFAULT NULL,
  PRIMARY KEY (`seq`),
  UNIQUE KEY `uniq_rs_operation0id` (`id`),
  UNIQUE KEY `uniq_rs_operation0active_key` (`active_key`),
  UNIQUE KEY `uniq_rs_operation0pending_key` (`pending_key`),
  KEY `rs_operation_due` (`state`,`run_at`),
  KEY `rs_operation_cluster` (`cluster_uuid`,`seq`),
  KEY `rs_operation_finished` (`finished_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `rs_schema` (
  `version` bigint(20) NOT NULL,
  `description` text NOT NULL,
  `installed_on` timestamp NOT NULL DEFAULT current_timestamp(),
  `success` tinyint(1) NOT NULL,
  `checksum` blob NOT NULL,
  `execution_time` bigint(20) NOT NULL,
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE `rs_turn` (
  `name` varchar(255) NOT NULL,
  `turn` bigint(20) NOT NULL,
  PRIMARY KEY (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `x509keypair` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `created_at` datetime DEFAULT NULL,
  `updated_at` datetime DEFAULT NULL,
  `uuid` varchar(36) DEFAULT NULL,
  `certificate` text DEFAULT NULL,
  `private_key` text DEFAULT NULL,
  `private_key_passphrase` text DEFAULT NULL,
  `intermediates` text DEFAULT NULL,
  `project_id` varchar(255) DEFAULT NULL,
  `user_id` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_x509keypair0uuid` (`uuid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

