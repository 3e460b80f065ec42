-- The postgres tables after all migrations; written by `make gen`, compared by a test.

CREATE TABLE cluster (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    uuid character varying(36) COLLATE C,
    name character varying(255) COLLATE C,
    project_id character varying(255) COLLATE C,
    user_id character varying(255) COLLATE C,
    cluster_template_id character varying(255) COLLATE C,
    status character varying(20) COLLATE C,
    status_reason text COLLATE C,
    stack_id character varying(255) COLLATE C,
    api_address character varying(255) COLLATE C,
    discovery_url character varying(255) COLLATE C,
    create_timeout bigint,
    keypair character varying(255) COLLATE C,
    docker_volume_size bigint,
    labels text COLLATE C,
    flavor_id character varying(255) COLLATE C,
    master_flavor_id character varying(255) COLLATE C,
    coe_version character varying(255) COLLATE C,
    container_version character varying(255) COLLATE C,
    ca_cert_ref character varying(512) COLLATE C,
    magnum_cert_ref character varying(512) COLLATE C,
    etcd_ca_cert_ref character varying(512) COLLATE C,
    front_proxy_ca_cert_ref character varying(512) COLLATE C,
    trust_id character varying(255) COLLATE C,
    trustee_username character varying(255) COLLATE C,
    trustee_user_id character varying(255) COLLATE C,
    trustee_password character varying(255) COLLATE C,
    health_status character varying(20) COLLATE C,
    health_status_reason text COLLATE C,
    fixed_network character varying(255) COLLATE C,
    fixed_subnet character varying(255) COLLATE C,
    floating_ip_enabled boolean,
    master_lb_enabled boolean,
    trustee_rotation text
);
CREATE UNIQUE INDEX cluster_pkey ON cluster USING btree (id);
CREATE INDEX rs_cluster_name ON cluster USING btree (name);
CREATE INDEX rs_cluster_project ON cluster USING btree (project_id, id);
CREATE INDEX rs_cluster_status ON cluster USING btree (status);
CREATE INDEX rs_cluster_template ON cluster USING btree (cluster_template_id);
CREATE INDEX rs_cluster_trustee ON cluster USING btree (trustee_user_id);
CREATE INDEX rs_cluster_user ON cluster USING btree (user_id, id);
CREATE UNIQUE INDEX uniq_bay0uuid ON cluster USING btree (uuid);

CREATE TABLE cluster_template (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    uuid character varying(36) COLLATE C,
    name character varying(255) COLLATE C,
    project_id character varying(255) COLLATE C,
    user_id character varying(255) COLLATE C,
    image_id character varying(255) COLLATE C,
    flavor_id character varying(255) COLLATE C,
    master_flavor_id character varying(255) COLLATE C,
    keypair_id character varying(255) COLLATE C,
    external_network_id character varying(255) COLLATE C,
    fixed_network character varying(255) COLLATE C,
    fixed_subnet character varying(255) COLLATE C,
    network_driver character varying(255) COLLATE C,
    volume_driver character varying(255) COLLATE C,
    dns_nameserver character varying(255) COLLATE C,
    apiserver_port bigint,
    docker_volume_size bigint,
    docker_storage_driver character varying(512) COLLATE C,
    cluster_distro character varying(255) COLLATE C,
    coe character varying(255) COLLATE C,
    server_type character varying(255) COLLATE C DEFAULT 'vm'::character varying,
    http_proxy character varying(255) COLLATE C,
    https_proxy character varying(255) COLLATE C,
    no_proxy character varying(255) COLLATE C,
    insecure_registry character varying(255) COLLATE C,
    labels text COLLATE C,
    registry_enabled boolean,
    tls_disabled boolean,
    public boolean,
    master_lb_enabled boolean,
    floating_ip_enabled boolean,
    hidden boolean,
    tags character varying(255) COLLATE C,
    driver character varying(255) COLLATE C
);
CREATE UNIQUE INDEX cluster_template_pkey ON cluster_template USING btree (id);
CREATE INDEX rs_cluster_template_name ON cluster_template USING btree (name);
CREATE INDEX rs_cluster_template_project ON cluster_template USING btree (project_id, id);
CREATE INDEX rs_cluster_template_public ON cluster_template USING btree (public, id);
CREATE UNIQUE INDEX uniq_baymodel0uuid ON cluster_template USING btree (uuid);

CREATE TABLE federation (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    project_id character varying(255) COLLATE C,
    name character varying(255) COLLATE C,
    hostcluster_id character varying(255) COLLATE C,
    uuid character varying(36) COLLATE C,
    member_ids text COLLATE C,
    status character varying(20) COLLATE C,
    status_reason text COLLATE C,
    properties text COLLATE C
);
CREATE UNIQUE INDEX federation_pkey ON federation USING btree (id);
CREATE UNIQUE INDEX uniq_federation0uuid ON federation USING btree (uuid);

CREATE TABLE magnum_service (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    report_count bigint NOT NULL,
    host character varying(255) COLLATE C,
    binary character varying(255) COLLATE C,
    disabled boolean,
    disabled_reason character varying(255) COLLATE C,
    last_seen_up timestamp with time zone,
    forced_down boolean
);
CREATE UNIQUE INDEX magnum_service_pkey ON magnum_service USING btree (id);
CREATE UNIQUE INDEX uniq_magnum_service0host0binary ON magnum_service USING btree (host, "binary");

CREATE TABLE nodegroup (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    uuid character varying(36) COLLATE C NOT NULL,
    name character varying(255) COLLATE C NOT NULL,
    cluster_id character varying(255) COLLATE C NOT NULL,
    project_id character varying(255) COLLATE C NOT NULL,
    docker_volume_size bigint,
    labels text COLLATE C,
    flavor_id character varying(255) COLLATE C,
    image_id character varying(255) COLLATE C,
    node_addresses text COLLATE C,
    node_count bigint,
    min_node_count bigint,
    max_node_count bigint,
    role character varying(255) COLLATE C,
    is_default boolean,
    stack_id character varying(255) COLLATE C,
    status character varying(20) COLLATE C,
    status_reason text COLLATE C,
    version character varying(20) COLLATE C,
    node_labels text COLLATE C,
    node_taints text COLLATE C
);
CREATE UNIQUE INDEX nodegroup_pkey ON nodegroup USING btree (id);
CREATE INDEX rs_nodegroup_project ON nodegroup USING btree (project_id);
CREATE UNIQUE INDEX uniq_nodegroup0cluster_id0name ON nodegroup USING btree (cluster_id, name);
CREATE UNIQUE INDEX uniq_nodegroup0uuid ON nodegroup USING btree (uuid);

CREATE TABLE quotas (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    project_id character varying(255) COLLATE C,
    resource character varying(255) COLLATE C,
    hard_limit bigint NOT NULL
);
CREATE UNIQUE INDEX quotas_pkey ON quotas USING btree (id);
CREATE UNIQUE INDEX uniq_quotas0project_id0resource ON quotas USING btree (project_id, resource);

CREATE TABLE rs_discovery (
    token character varying(32) COLLATE C NOT NULL,
    cluster_uuid character varying(36) COLLATE C NOT NULL,
    size bigint NOT NULL,
    members text COLLATE C NOT NULL,
    generation bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE UNIQUE INDEX rs_discovery_pkey ON rs_discovery USING btree (token);
CREATE UNIQUE INDEX uniq_rs_discovery0cluster_uuid ON rs_discovery USING btree (cluster_uuid);

CREATE TABLE rs_lease (
    name character varying(255) COLLATE C NOT NULL,
    owner character varying(255) COLLATE C NOT NULL,
    until timestamp with time zone NOT NULL,
    generation bigint NOT NULL
);
CREATE UNIQUE INDEX rs_lease_pkey ON rs_lease USING btree (name);

CREATE TABLE rs_operation (
    seq bigint NOT NULL IDENTITY,
    id character varying(36) COLLATE C NOT NULL,
    cluster_uuid character varying(36) COLLATE C NOT NULL,
    project_id character varying(255) COLLATE C NOT NULL,
    user_id character varying(255) COLLATE C NOT NULL,
    request_id character varying(255) COLLATE C NOT NULL,
    kind character varying(20) COLLATE C NOT NULL,
    params text COLLATE C NOT NULL,
    state character varying(20) COLLATE C NOT NULL,
    step character varying(80) COLLATE C NOT NULL,
    attempt bigint NOT NULL,
    run_at timestamp with time zone NOT NULL,
    step_since timestamp with time zone NOT NULL,
    lease_owner character varying(255) COLLATE C,
    lease_until timestamp with time zone,
    generation bigint NOT NULL,
    sealed_token text COLLATE C,
    reason text COLLATE C,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    finished_at timestamp with time zone,
    active_key character varying(36) COLLATE C,
    pending_key character varying(80) COLLATE C
);
CREATE INDEX rs_operation_cluster ON rs_operation USING btree (cluster_uuid, seq);
CREATE INDEX rs_operation_due ON rs_operation USING btree (state, run_at);
CREATE INDEX rs_operation_finished ON rs_operation USING btree (finished_at);
CREATE UNIQUE INDEX rs_operation_pkey ON rs_operation USING btree (seq);
CREATE UNIQUE INDEX uniq_rs_operation0active_key ON rs_operation USING btree (active_key);
CREATE UNIQUE INDEX uniq_rs_operation0id ON rs_operation USING btree (id);
CREATE UNIQUE INDEX uniq_rs_operation0pending_key ON rs_operation USING btree (pending_key);

CREATE TABLE rs_schema (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone NOT NULL DEFAULT now(),
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE UNIQUE INDEX rs_schema_pkey ON rs_schema USING btree (version);

CREATE TABLE rs_turn (
    name character varying(255) COLLATE C NOT NULL,
    turn bigint NOT NULL
);
CREATE UNIQUE INDEX rs_turn_pkey ON rs_turn USING btree (name);

CREATE TABLE x509keypair (
    id bigint NOT NULL IDENTITY,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    uuid character varying(36) COLLATE C,
    certificate text COLLATE C,
    private_key text COLLATE C,
    private_key_passphrase text COLLATE C,
    intermediates text COLLATE C,
    project_id character varying(255) COLLATE C,
    user_id character varying(255) COLLATE C
);
CREATE UNIQUE INDEX uniq_x509keypair0uuid ON x509keypair USING btree (uuid);
CREATE UNIQUE INDEX x509keypair_pkey ON x509keypair USING btree (id);

