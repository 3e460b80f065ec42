//! The one trait a COE driver implements.

use domain::{Cluster, Error, NodeGroup};

use crate::{Check, Input, Label, Monitor, Order, Outputs, StackRequest, no_orders};

/// What a driver serves: the key by which a cluster template finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provides {
    /// `vm` or `bm`.
    pub server_type: &'static str,
    /// The image's `os_distro`, compared as written.
    pub os: &'static str,
    /// COE name as in the API.
    pub coe: &'static str,
}

/// Network and volume drivers a template may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// Allowed `network_driver` values; the first is the default.
    pub network: &'static [&'static str],
    /// Allowed `volume_driver` values; none is the default.
    pub volume: &'static [&'static str],
}

/// A COE on an operating system. All methods are pure.
pub trait Driver: Sync {
    /// Name of the driver, its folder under `coe/`, and the entry of `[drivers] disabled_drivers`.
    fn name(&self) -> &'static str;

    /// The combinations of server type, operating system and COE it serves.
    fn provides(&self) -> &'static [Provides];

    /// Labels it reads. Other labels are stored and ignored.
    fn labels(&self) -> &'static [Label];

    /// Network and volume drivers it knows.
    fn plugins(&self) -> Plugins;

    /// `true` when several masters share what they must share, so that more than one works.
    fn multi_master(&self) -> bool;

    /// `true` when the masters run an etcd that can find its members by a discovery URL.
    fn discovers_etcd(&self) -> bool {
        false
    }

    /// Checks of labels, sizes and switches before anything is stored. Answers warnings.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the label or field and the fix.
    fn check(&self, check: &Check<'_>) -> Result<Vec<String>, Error>;

    /// The request that creates the stack.
    ///
    /// # Errors
    /// [`Error::Invalid`] when something required is missing.
    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error>;

    /// The request that changes the number of workers: a PATCH of the existing stack, which carries nothing else.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the worker group is missing.
    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error>;

    /// `true` when running nodes can be given something to do, see [`Self::order`].
    fn takes_orders(&self) -> bool {
        false
    }

    /// The request that has running nodes carry out an order: a PATCH, of the cluster's stack or of that of a node group.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the driver, when its nodes cannot be reached.
    fn order(&self, _: &Input<'_>, _: &Outputs, _: &Order<'_>) -> Result<StackRequest, Error> {
        Err(no_orders(self.name(), "configuration"))
    }

    /// Writes what the stack tells into the cluster and its default node groups.
    ///
    /// # Errors
    /// [`Error::Internal`] when an output has a shape no template of ours makes.
    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error>;

    /// How its clusters are watched from outside; `None` when they are not.
    fn monitor(&self) -> Option<&'static dyn Monitor> {
        None
    }

    /// How it builds node groups besides the two every cluster has; `None` when it cannot.
    fn node_groups(&self) -> Option<&'static dyn NodeGroups> {
        None
    }

    /// How it brings nodes to another version; `None` when it cannot.
    fn upgrades(&self) -> Option<&'static dyn crate::Upgrades> {
        None
    }
}

/// Node groups that a cluster did not come with. Each is a stack of its own, which uses what the cluster's stack made.
pub trait NodeGroups: Sync {
    /// Checks of a new group before anything is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the label or field and the fix.
    fn check(&self, cluster: &Cluster, group: &NodeGroup) -> Result<(), Error>;

    /// The request that creates the group's stack. `cluster` are outputs and parameters of the cluster's own stack.
    ///
    /// # Errors
    /// [`Error::Invalid`] when something required is missing, also from the cluster's stack.
    fn stack(&self, input: &Input<'_>, group: &NodeGroup, cluster: &Outputs) -> Result<StackRequest, Error>;

    /// The request that changes the number of the group's nodes: a PATCH, which carries nothing else.
    ///
    /// # Errors
    /// [`Error::Invalid`] when something required is missing.
    fn resize(&self, input: &Input<'_>, group: &NodeGroup) -> Result<StackRequest, Error>;

    /// Writes what the group's stack tells into the group.
    ///
    /// # Errors
    /// [`Error::Internal`] when an output has a shape no template of ours makes.
    fn outputs(&self, stack: &Outputs, group: &mut NodeGroup) -> Result<(), Error>;
}
