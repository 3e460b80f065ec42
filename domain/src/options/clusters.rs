//! Options about clusters: templates, drivers, certificates, trusts, quotas.

use super::{Interface, Secret, declare::settings, value::choices};

settings! {
    /// Clusters.
    Clusters {
        /// Where the etcd members of a new cluster that names no `discovery_url` find each other. Unset: nowhere, because
        /// they boot with the addresses of all of them. `built-in`: at this service. A URL, with `%(size)d` in the place of
        /// their number: at the service that answers it with the URL of a new place, as discovery.etcd.io does.
        etcd_discovery_service_endpoint_format: Option<String>, old "bay.etcd_discovery_service_endpoint_format";
        /// Nova server group policy for the nodes of a cluster.
        nodes_affinity_policy: Affinity = "soft-anti-affinity";
        /// Seconds to wait for service load balancers to vanish before the stack is deleted.
        pre_delete_lb_timeout: i64 = 60, range (0, 86_400);
    }

    /// Which network drivers templates may name.
    Templates {
        /// Network drivers a Kubernetes template may name; `all` lifts the limit.
        kubernetes_allowed_network_drivers: Vec<String> = "all", old "baymodel.kubernetes_allowed_network_drivers";
        /// Network driver of a Kubernetes template that names none.
        kubernetes_default_network_driver: String = "flannel", old "baymodel.kubernetes_default_network_driver";
        /// Network drivers a Swarm template may name; `all` lifts the limit. There is no driver for Swarm yet.
        swarm_allowed_network_drivers: Vec<String> = "all", old "baymodel.swarm_allowed_network_drivers";
        /// Network driver of a Swarm template that names none. There is no driver for Swarm yet.
        swarm_default_network_driver: String = "docker", old "baymodel.swarm_default_network_driver";
        /// Network drivers a Mesos template may name; `all` lifts the limit.
        mesos_allowed_network_drivers: Vec<String> = "all", old "baymodel.mesos_allowed_network_drivers";
        /// Network driver of a Mesos template that names none.
        mesos_default_network_driver: String = "docker", old "baymodel.mesos_default_network_driver";
    }

    /// Stacks of clusters.
    Stacks {
        /// Minutes a stack may take to be created when the request names no `create_timeout`.
        create_timeout: i64 = 60, range (0, 525_600), old "bay_heat.bay_create_timeout";
    }

    /// Drivers and what every node gets.
    Drivers {
        /// Drivers that may not be used, by name.
        disabled_drivers: Vec<String>;
        /// Nodes verify TLS when they call the cloud's APIs.
        verify_ca: bool = true;
        /// CA bundle whose content is installed on every node; empty installs nothing.
        openstack_ca_file: Option<String>;
    }

    /// Where cluster certificates are kept.
    Certificates {
        /// Store of certificates and keys: x509keypair (the database, sealed with `[magnum_rs] secret_keys`) or barbican.
        /// Upstream's default is barbican.
        cert_manager_type: CertManager = "x509keypair";
    }

    /// What certificates look like, and what a signing request may ask for.
    X509 {
        /// A signed certificate may be a CA itself.
        allow_ca: bool = false;
        /// Extensions copied from a signing request; others are refused.
        allowed_extensions: Vec<String> =
            "keyUsage,extendedKeyUsage,subjectAltName,basicConstraints,subjectKeyIdentifier";
        /// Key usages a signing request may ask for.
        allowed_key_usage: Vec<String> = "Digital Signature,Key Encipherment,Non Repudiation";
        /// Bits of the keys that the service generates; nodes make theirs with 2048.
        rsa_key_size: u32 = 2048, range (1024, 16_384);
        /// Days every certificate is valid, the cluster's CA included.
        term_of_validity: u32 = 1825, range (1, 36_500);
        /// Common names under which nodes may ask for certificates of the group system:masters, which may do anything in
        /// a Kubernetes cluster. Masters and workers are one Keystone user, so what is allowed here is allowed to every
        /// node. Our drivers need none; clusters whose nodes were made by upstream's templates need admin.
        trustee_masters: Vec<String>;
    }

    /// The user each cluster has in Keystone, and what is delegated to it. Without a trustee domain and its admin no
    /// cluster can be created.
    Trust {
        /// Give nodes the trust: needed for cinder volumes, the registry and the cloud provider. Off since
        /// CVE-2016-7404.
        cluster_user_trust: bool = false;
        /// Roles delegated to the trustee; empty means all roles of the caller.
        roles: Vec<String>;
        /// Domain of the trustees.
        trustee_domain_id: Option<String>;
        /// The same by name.
        trustee_domain_name: Option<String>;
        /// User that may make users in the trustee domain.
        trustee_domain_admin_id: Option<String>;
        /// The same by name.
        trustee_domain_admin_name: Option<String>;
        /// Its password.
        trustee_domain_admin_password: Option<Secret>;
        /// Domain of that user. Unset: the trustee domain.
        trustee_domain_admin_domain_id: Option<String>;
        /// The same by name.
        trustee_domain_admin_domain_name: Option<String>;
        /// Catalogue interface of the Keystone URL that nodes get.
        trustee_keystone_interface: Interface = "public";
        /// Region of that URL. Unset: any.
        trustee_keystone_region_name: Option<String>;
    }

    /// Quotas of projects without a row of their own.
    Quotas {
        /// Clusters a project may have.
        max_clusters_per_project: i64 = 20, range (-1, i64::MAX);
    }

    /// Volumes of clusters.
    Cinder {
        /// Volume type of docker volumes without the label `docker_volume_type`. Unset: the default type Cinder names; a
        /// cluster with a docker volume is refused with a 400 where that gives none.
        default_docker_volume_type: Option<String>;
        /// Volume type of etcd volumes without the label `etcd_volume_type`. Unset: as above.
        default_etcd_volume_type: Option<String>;
        /// Volume type of root volumes without the label `boot_volume_type`. Unset: Cinder's choice.
        default_boot_volume_type: Option<String>;
        /// GB of root volumes without the label `boot_volume_size`; 0 boots from the image.
        default_boot_volume_size: u32 = 0, range (0, 1_000_000);
    }

    /// How the health of clusters is watched, whatever their COE.
    Kubernetes {
        /// Seconds between two looks at the health of every cluster; 0 or less never looks.
        health_polling_interval: i64 = 60, range (-1, 86_400);
    }

    /// The registry inside a cluster.
    DockerRegistry {
        /// Region of the Swift that keeps the images.
        swift_region: Option<String>;
        /// Container of that Swift.
        swift_registry_container: String = "docker_registry";
    }
}

choices! {
    /// Where keys are kept.
    CertManager {
        /// In the database, sealed.
        X509Keypair = "x509keypair",
        /// In Barbican.
        Barbican = "barbican",
    }

    /// How the nodes of a cluster are spread over hosts.
    Affinity {
        /// All on one host.
        Affinity = "affinity",
        /// Never two on one host.
        AntiAffinity = "anti-affinity",
        /// On one host where possible.
        SoftAffinity = "soft-affinity",
        /// Apart where possible.
        SoftAntiAffinity = "soft-anti-affinity",
    }
}
