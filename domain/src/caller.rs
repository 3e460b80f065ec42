//! Who asks: the facts taken from a validated Keystone token.

/// The caller of a request. Never holds the token itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Keystone user id.
    pub user_id: String,
    /// Keystone user name; of a trustee `<cluster uuid>_<project id>`.
    pub user_name: String,
    /// Domain of the user, needed to recognise trustees.
    pub user_domain_id: String,
    /// Project the token is scoped to; `None` for an unscoped token.
    pub project_id: Option<String>,
    /// Name of that project.
    pub project_name: Option<String>,
    /// Domain of that project.
    pub project_domain_id: Option<String>,
    /// Role names, as Keystone spells them.
    pub roles: Vec<String>,
    /// The trust the token came from, if any.
    pub trust_id: Option<String>,
    /// The policy rule `context_is_admin` holds.
    pub is_admin: bool,
}

impl Caller {
    /// The project whose rows a cluster user (trustee) may see: the part of its name after the first `_`.
    #[must_use]
    pub fn trustee_project(&self) -> Option<&str> {
        self.user_name.split_once('_').map(|(_, project)| project)
    }
}
