//! Every policy rule, once: name, requests, the default of both sets, what it decides.
//!
//! Where a set of upstream lacks a rule, its default here is that of the neighbours. Two defaults of Queens are
//! tightened on purpose: `clustertemplate:update` and `:delete` (and their `baymodel` twins) also ask for the owner's
//! project or an admin, because Queens let any user change another project's public template. Three of master are widened:
//! its certificates and health reports are also for the cluster's own user, as whom the nodes speak here whatever the set.

use crate::options::DefaultSet;

/// A rule with what people need to know about it.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// Name in policy files.
    pub name: &'static str,
    /// Method and path of the requests it decides; none for building blocks.
    pub requests: &'static [(&'static str, &'static str)],
    /// Default of [`DefaultSet::Queens`].
    pub queens: &'static str,
    /// Default of [`DefaultSet::Master`].
    pub master: &'static str,
    /// One sentence.
    pub about: &'static str,
}

impl Declaration {
    /// The default of a set.
    #[must_use]
    pub const fn default_of(&self, set: DefaultSet) -> &'static str {
        match set {
            DefaultSet::Queens => self.queens,
            DefaultSet::Master => self.master,
        }
    }
}

macro_rules! policies {
    ($( $Variant:ident = $name:literal [$($method:ident $path:literal),+] $queens:ident $master:ident $about:literal; )+) => {
        /// An action a policy rule decides.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $( #[doc = $about] $Variant, )+ }

        impl Rule {
            /// Every rule, in the order of the sample.
            pub const ALL: &'static [Self] = &[$( Self::$Variant, )+];

            /// What is declared about it.
            #[must_use]
            pub const fn declaration(self) -> &'static Declaration {
                &ACTIONS[self as usize]
            }
        }

        const ACTIONS: &[Declaration] = &[$( Declaration {
            name: $name,
            requests: &[$((stringify!($method), $path)),+],
            queens: queens::$queens,
            master: master::$master,
            about: $about,
        }, )+];
    };
}

impl Rule {
    /// Name in policy files and refusals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.declaration().name
    }
}

/// What Queens' actions default to.
mod queens {
    pub(super) const USER: &str = "rule:deny_cluster_user";
    pub(super) const ADMIN: &str = "rule:admin_api";
    pub(super) const OWNER: &str = "rule:admin_or_owner";
    pub(super) const OWNER_NOT_NODE: &str = "rule:admin_or_owner and rule:deny_cluster_user";
    pub(super) const NODE: &str = "rule:admin_or_user or rule:cluster_user";
}

/// What master's actions default to.
mod master {
    pub(super) const ADMIN: &str = "rule:context_is_admin";
    pub(super) const MEMBER: &str = "rule:admin_or_project_member";
    pub(super) const READER: &str = "rule:admin_or_project_reader";
    pub(super) const MEMBER_NOT_NODE: &str = "rule:admin_or_project_member_deny_cluster_user";
    pub(super) const READER_NOT_NODE: &str = "rule:admin_or_project_reader_deny_cluster_user";
    pub(super) const MEMBER_USER: &str = "rule:admin_or_project_member_user or rule:cluster_user";
    pub(super) const READER_USER: &str = "rule:admin_or_project_reader_user or rule:cluster_user";
    pub(super) const HEALTH: &str = "rule:admin_or_project_member_user_or_cluster_user or rule:cluster_user";
    pub(super) const NO_ADMIN: &str = "rule:project_member_deny_cluster_user";
}

policies! {
    BayCreate = "bay:create" [POST "/v1/bays"] USER MEMBER_NOT_NODE "Create a bay.";
    BayDelete = "bay:delete" [DELETE "/v1/bays/{bay}"] USER MEMBER_NOT_NODE "Delete a bay.";
    BayDetail = "bay:detail" [GET "/v1/bays/detail"] USER READER_NOT_NODE "List bays with all fields.";
    BayGet = "bay:get" [GET "/v1/bays/{bay}"] USER READER_NOT_NODE "Show a bay.";
    BayGetAll = "bay:get_all" [GET "/v1/bays"] USER READER_NOT_NODE "List bays.";
    BayUpdate = "bay:update" [PATCH "/v1/bays/{bay}"] USER MEMBER_NOT_NODE "Change a bay.";

    BaymodelCreate = "baymodel:create" [POST "/v1/baymodels"] USER MEMBER_NOT_NODE "Create a bay model.";
    BaymodelDelete = "baymodel:delete" [DELETE "/v1/baymodels/{baymodel}"] OWNER_NOT_NODE MEMBER "Delete a bay model.";
    BaymodelDetail = "baymodel:detail" [GET "/v1/baymodels/detail"] USER READER_NOT_NODE "List bay models with all fields.";
    BaymodelGet = "baymodel:get" [GET "/v1/baymodels/{baymodel}"] USER READER_NOT_NODE "Show a bay model.";
    BaymodelGetAll = "baymodel:get_all" [GET "/v1/baymodels"] USER READER_NOT_NODE "List bay models.";
    BaymodelPublish = "baymodel:publish" [POST "/v1/baymodels", PATCH "/v1/baymodels/{baymodel}"] ADMIN ADMIN
        "Make a bay model public, or private again.";
    BaymodelUpdate = "baymodel:update" [PATCH "/v1/baymodels/{baymodel}"] OWNER_NOT_NODE MEMBER "Change a bay model.";

    CertificateCreate = "certificate:create" [POST "/v1/certificates"] NODE MEMBER_USER
        "Have a signing request signed by a cluster's CA; nodes do this with the trustee's token.";
    CertificateGet = "certificate:get" [GET "/v1/certificates/{cluster}"] NODE READER_USER
        "Show a cluster's CA certificate; nodes do this with the trustee's token.";
    CertificateRotateCa = "certificate:rotate_ca" [PATCH "/v1/certificates/{cluster}"] OWNER MEMBER
        "Replace a cluster's CA.";

    ClusterCreate = "cluster:create" [POST "/v1/clusters"] USER MEMBER_NOT_NODE "Create a cluster.";
    ClusterDelete = "cluster:delete" [DELETE "/v1/clusters/{cluster}"] USER MEMBER_NOT_NODE "Delete a cluster.";
    ClusterDeleteAllProjects = "cluster:delete_all_projects" [DELETE "/v1/clusters/{cluster}"] ADMIN ADMIN
        "Delete a cluster of any project.";
    ClusterDetail = "cluster:detail" [GET "/v1/clusters/detail"] USER READER_NOT_NODE "List clusters with all fields.";
    ClusterDetailAllProjects = "cluster:detail_all_projects" [GET "/v1/clusters/detail"] ADMIN ADMIN
        "List clusters of all projects with all fields.";
    ClusterGet = "cluster:get" [GET "/v1/clusters/{cluster}"] USER READER_NOT_NODE "Show a cluster.";
    ClusterGetAll = "cluster:get_all" [GET "/v1/clusters"] USER READER_NOT_NODE "List clusters.";
    ClusterGetAllAllProjects = "cluster:get_all_all_projects" [GET "/v1/clusters"] ADMIN ADMIN
        "List clusters of all projects.";
    ClusterGetOneAllProjects = "cluster:get_one_all_projects" [GET "/v1/clusters/{cluster}"] ADMIN ADMIN
        "Show a cluster of any project.";
    ClusterResize = "cluster:resize" [POST "/v1/clusters/{cluster}/actions/resize"] USER MEMBER_NOT_NODE
        "Change the number of nodes of a cluster.";
    ClusterUpdate = "cluster:update" [PATCH "/v1/clusters/{cluster}"] USER MEMBER_NOT_NODE "Change a cluster.";
    ClusterUpdateAllProjects = "cluster:update_all_projects" [PATCH "/v1/clusters/{cluster}"] ADMIN ADMIN
        "Change a cluster of any project.";
    ClusterUpdateHealthStatus = "cluster:update_health_status" [PATCH "/v1/clusters/{cluster}"] NODE HEALTH
        "Report the health of a cluster.";
    ClusterUpgrade = "cluster:upgrade" [POST "/v1/clusters/{cluster}/actions/upgrade"] USER MEMBER_NOT_NODE
        "Move a cluster to another template.";
    ClusterUpgradeAllProjects = "cluster:upgrade_all_projects" [POST "/v1/clusters/{cluster}/actions/upgrade"] ADMIN
        ADMIN "Move a cluster of any project to another template.";

    TemplateCreate = "clustertemplate:create" [POST "/v1/clustertemplates"] USER MEMBER_NOT_NODE
        "Create a cluster template.";
    TemplateDelete = "clustertemplate:delete" [DELETE "/v1/clustertemplates/{template}"] OWNER_NOT_NODE MEMBER
        "Delete a cluster template.";
    TemplateDeleteAllProjects = "clustertemplate:delete_all_projects" [DELETE "/v1/clustertemplates/{template}"] ADMIN
        ADMIN "Delete a cluster template of any project.";
    TemplateDetail = "clustertemplate:detail" [GET "/v1/clustertemplates/detail"] USER READER_NOT_NODE
        "List cluster templates with all fields.";
    TemplateDetailAllProjects = "clustertemplate:detail_all_projects" [GET "/v1/clustertemplates/detail"] ADMIN ADMIN
        "List cluster templates of all projects with all fields.";
    TemplateGet = "clustertemplate:get" [GET "/v1/clustertemplates/{template}"] USER READER_NOT_NODE
        "Show a cluster template that is not public.";
    TemplateGetAll = "clustertemplate:get_all" [GET "/v1/clustertemplates"] USER READER_NOT_NODE
        "List cluster templates.";
    TemplateGetAllAllProjects = "clustertemplate:get_all_all_projects" [GET "/v1/clustertemplates"] ADMIN ADMIN
        "List cluster templates of all projects.";
    TemplateGetOneAllProjects = "clustertemplate:get_one_all_projects" [GET "/v1/clustertemplates/{template}"] ADMIN
        ADMIN "Show a cluster template of any project.";
    TemplatePublish = "clustertemplate:publish"
        [POST "/v1/clustertemplates", PATCH "/v1/clustertemplates/{template}"] ADMIN ADMIN
        "Make a cluster template public or hidden, or take that back.";
    TemplateUpdate = "clustertemplate:update" [PATCH "/v1/clustertemplates/{template}"] OWNER_NOT_NODE MEMBER
        "Change a cluster template.";
    TemplateUpdateAllProjects = "clustertemplate:update_all_projects" [PATCH "/v1/clustertemplates/{template}"] ADMIN
        ADMIN "Change a cluster template of any project.";

    CredentialRotate = "credential:rotate" [PATCH "/v1/credentials/{cluster}"] OWNER NO_ADMIN
        "Replace the credential a cluster holds.";

    FederationCreate = "federation:create" [POST "/v1/federations"] USER MEMBER_NOT_NODE "Create a federation.";
    FederationDelete = "federation:delete" [DELETE "/v1/federations/{federation}"] USER MEMBER_NOT_NODE
        "Delete a federation.";
    FederationDetail = "federation:detail" [GET "/v1/federations/detail"] USER READER_NOT_NODE
        "List federations with all fields.";
    FederationGet = "federation:get" [GET "/v1/federations/{federation}"] USER READER_NOT_NODE "Show a federation.";
    FederationGetAll = "federation:get_all" [GET "/v1/federations"] USER READER_NOT_NODE "List federations.";
    FederationUpdate = "federation:update" [PATCH "/v1/federations/{federation}"] USER MEMBER_NOT_NODE
        "Change a federation.";

    ServiceGetAll = "magnum-service:get_all" [GET "/v1/mservices"] ADMIN ADMIN "List the running services.";

    NodegroupCreate = "nodegroup:create" [POST "/v1/clusters/{cluster}/nodegroups"] OWNER MEMBER
        "Create a node group.";
    NodegroupDelete = "nodegroup:delete" [DELETE "/v1/clusters/{cluster}/nodegroups/{nodegroup}"] OWNER MEMBER
        "Delete a node group.";
    NodegroupGet = "nodegroup:get" [GET "/v1/clusters/{cluster}/nodegroups/{nodegroup}"] OWNER READER
        "Show a node group.";
    NodegroupGetAll = "nodegroup:get_all" [GET "/v1/clusters/{cluster}/nodegroups"] OWNER READER
        "List the node groups of a cluster.";
    NodegroupGetAllAllProjects = "nodegroup:get_all_all_projects" [GET "/v1/clusters/{cluster}/nodegroups"] ADMIN ADMIN
        "List the node groups of a cluster of any project.";
    NodegroupGetOneAllProjects = "nodegroup:get_one_all_projects"
        [GET "/v1/clusters/{cluster}/nodegroups/{nodegroup}"] ADMIN ADMIN
        "Show a node group of a cluster of any project.";
    NodegroupUpdate = "nodegroup:update" [PATCH "/v1/clusters/{cluster}/nodegroups/{nodegroup}"] OWNER MEMBER
        "Change a node group.";

    QuotaCreate = "quota:create" [POST "/v1/quotas"] ADMIN ADMIN "Set a project's quota.";
    QuotaDelete = "quota:delete" [DELETE "/v1/quotas/{project}/{resource}"] ADMIN ADMIN "Delete a project's quota.";
    QuotaGet = "quota:get" [GET "/v1/quotas/{project}/{resource}"] OWNER READER "Show a project's quota.";
    QuotaGetAll = "quota:get_all" [GET "/v1/quotas"] ADMIN ADMIN "List quotas.";
    QuotaUpdate = "quota:update" [PATCH "/v1/quotas/{project}/{resource}"] ADMIN ADMIN "Change a project's quota.";

    StatsGetAll = "stats:get_all" [GET "/v1/stats"] OWNER READER "Count clusters and nodes.";
}

const fn block(name: &'static str, queens: &'static str, master: &'static str, about: &'static str) -> Declaration {
    Declaration { name, requests: &[], queens, master, about }
}

/// `rule:` building blocks. Those only one set has upstream are in both here, so that a file written for either works.
pub const BLOCKS: &[Declaration] = &[
    block("context_is_admin", "role:admin", "role:admin", "Who counts as an admin."),
    block("admin_api", "rule:context_is_admin", "rule:context_is_admin", "Only admins."),
    block(
        "admin_or_owner",
        "is_admin:True or project_id:%(project_id)s",
        "is_admin:True or project_id:%(project_id)s",
        "Admins, and users of the object's project.",
    ),
    block(
        "admin_or_user",
        "is_admin:True or user_id:%(user_id)s",
        "is_admin:True or user_id:%(user_id)s",
        "Admins, and the user who made the object.",
    ),
    block(
        "cluster_user",
        "user_id:%(trustee_user_id)s",
        "user_id:%(trustee_user_id)s",
        "The cluster's own user, as whom its nodes speak.",
    ),
    block(
        "deny_cluster_user",
        "not domain_id:%(trustee_domain_id)s",
        "not domain_id:%(trustee_domain_id)s",
        "Everybody but users of the trustee domain.",
    ),
    block("is_user", "user_id:%(user_id)s", "user_id:%(user_id)s", "The user who made the object."),
    block(
        "project_member",
        "role:member and project_id:%(project_id)s",
        "role:member and project_id:%(project_id)s",
        "Members of the object's project.",
    ),
    block(
        "project_reader",
        "role:reader and project_id:%(project_id)s",
        "role:reader and project_id:%(project_id)s",
        "Readers of the object's project.",
    ),
    both("admin_or_project_reader", "(rule:context_is_admin) or (rule:project_reader)"),
    both("admin_or_project_member", "(rule:context_is_admin) or (rule:project_member)"),
    both("admin_or_project_member_user", "(rule:context_is_admin) or ((rule:project_member) and (rule:is_user))"),
    both("admin_or_project_reader_user", "(rule:context_is_admin) or ((rule:project_reader) and (rule:is_user))"),
    both("user_or_cluster_user", "((rule:is_user) or (rule:cluster_user))"),
    both("admin_or_user_or_cluster_user", "((rule:context_is_admin) or (rule:user_or_cluster_user))"),
    both(
        "admin_or_project_member_cluster_user",
        "(rule:context_is_admin) or ((rule:project_member) and (rule:cluster_user))",
    ),
    block(
        "admin_or_project_member_user_or_cluster_user",
        "(rule:context_is_admin) or ((rule:project_member) and (rule:user_or_cluster_user))",
        "(rule:context_is_admin) or ((rule:project_member) and (rule:is_user))",
        COMBINED,
    ),
    block(
        "project_member_deny_cluster_user",
        "((rule:project_member) and (rule:deny_cluster_user))",
        "(rule:project_member)",
        COMBINED,
    ),
    block(
        "admin_or_project_member_deny_cluster_user",
        "(rule:context_is_admin) or (rule:project_member_deny_cluster_user)",
        "(rule:context_is_admin) or (rule:project_member)",
        COMBINED,
    ),
    block(
        "project_reader_deny_cluster_user",
        "((rule:project_reader) and (rule:deny_cluster_user))",
        "(rule:project_reader)",
        COMBINED,
    ),
    block(
        "admin_or_project_reader_deny_cluster_user",
        "(rule:context_is_admin) or (rule:project_reader_deny_cluster_user)",
        "(rule:context_is_admin) or (rule:project_reader)",
        COMBINED,
    ),
];

const COMBINED: &str = "As its name says.";

const fn both(name: &'static str, text: &'static str) -> Declaration {
    block(name, text, text, COMBINED)
}
