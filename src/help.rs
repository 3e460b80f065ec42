//! What stands at the end of each command's `--help`: examples that can be pasted, and what to do next.

pub(crate) const MAGNUM: &str = "\
Without any set-up:
  magnum demo                                   build, prove, resize and delete a cluster, then exit
  magnum all --devcloud                         keep a service with a simulated OpenStack running

On a real cloud:
  magnum bootstrap --help                       users, roles, trustee domain, endpoints, tables and a magnum.conf
  magnum sample config > magnum.conf            every option with its meaning and default
  magnum --config-file magnum.conf migrate      make the tables
  magnum --config-file magnum.conf all          API and conductor in one process

Options are read from the files, then from OS_SECTION__OPTION in the environment, such as OS_DATABASE__CONNECTION.
Logs go to standard error; RUST_LOG=debug shows more. The exit code is 0, or 1 after an error, or 2 for wrong arguments.";

pub(crate) const API: &str = "\
Examples:
  magnum --config-file magnum.conf api
  magnum api --listen 0.0.0.0:9511

Run `magnum migrate` once before, and at least one `magnum conductor` beside it: without one, clusters are accepted
and stay CREATE_IN_PROGRESS. Any number of API processes may share a database. SIGTERM lets requests finish; GET
/healthcheck is for the load balancer, and answers 503 while the file of [healthcheck] disable_by_file_path exists.";

pub(crate) const CONDUCTOR: &str = "\
Example:
  magnum --config-file magnum.conf conductor

It finds work in the database; the broker of [DEFAULT] transport_url only saves waiting for the next look. Kill it at any
time: another one goes on where it stopped, [magnum_rs] operation_lease seconds later. SIGTERM ends the steps at hand and
hands the rest over at once. Every process needs the same [magnum_rs] secret_keys or secret_key_file.";

pub(crate) const ALL: &str = "\
Examples:
  magnum --config-file magnum.conf all
  magnum all --devcloud                         nothing to set up; prints the variables for the openstack client
  magnum all --devcloud --state-dir ./state     keeps its database and key; the simulated cloud itself starts anew

An empty database gets its tables; an older one waits for `magnum migrate`.";

pub(crate) const DEMO: &str = "\
Example:
  magnum demo

Everything is real but the cloud: HTTP, certificates, operations in a database. It uses free ports and a folder that is
removed at the end, and exits with 1 when anything is not as it should be.";

pub(crate) const BOOTSTRAP: &str = "\
Examples, with an administrator's OS_ variables in the environment (. ./admin-openrc.sh):
  magnum bootstrap --url http://controller:9511/v1 --write-config magnum.conf --dry-run
  magnum bootstrap --url http://controller:9511/v1 --write-config magnum.conf
  magnum --config-file magnum.conf bootstrap --dry-run      is everything still as it should be?

It makes the tables, the service user with the roles admin and service in the service project, the trustee domain with
an admin of its own, and the public, internal and admin endpoints of type container-infra. Names and passwords are those
of the configuration files; what they do not say is usual or, for passwords, generated and kept in the new file.

Whatever is there already is left as it is: a second run changes nothing, and a run that broke off is finished by the
next. Users that refuse their password are not touched without --reset-passwords. Nothing is ever deleted. The database
itself and its user have to exist, but for SQLite.";

pub(crate) const MIGRATE: &str = "\
Examples:
  magnum --config-file magnum.conf migrate
  OS_DATABASE__CONNECTION=postgresql://magnum:secret@db/magnum magnum migrate

May be run again: what is applied already is left alone. The database itself has to exist, but for SQLite.";

pub(crate) const SAMPLE: &str = "\
Examples:
  magnum sample config > /etc/magnum/magnum.conf
  magnum sample policy > /etc/magnum/policy.yaml

All lines are commented out and show the defaults; uncomment what you change.";

pub(crate) const POLICY: &str = "\
Examples:
  magnum --config-file magnum.conf policy                  every rule
  magnum --config-file magnum.conf policy cluster:         those about clusters
  magnum --config-file magnum.conf policy cluster:create   one, with its requests, its default and what a file made of it

The rules are those of [magnum_rs] default_rules with the files of [oslo_policy] policy_file and policy_dirs on top. Each
is asked about a thing of a project: by an admin of another project, the user who made it, a member and a reader of its
project, a member of another project, and the cluster's own user, as whom its nodes speak. Rules about lists and new
things are asked with the caller's own project by the service, so that there a stranger is a member. No database and no
other service is asked.";

pub(crate) const CHECK: &str = "\
Example:
  magnum --config-file magnum.conf check

It reads every row of clusters, templates, node groups, operations and quotas, and names those with values that cannot be
read (a status nobody knows, labels that are not JSON) and those that refer to what is gone. Nothing is changed. The API
shows such rows as well as it can, and no list breaks by one. The exit code is 1 when something is found.";

pub(crate) const OPERATION: &str = "\
An operation is what a create, resize or delete was accepted as; its steps and where it stands are a row.

Examples:
  magnum operation list                         what is not finished, and why
  magnum operation list --all --cluster UUID    the history of a cluster
  magnum operation show ID
  magnum operation retry ID                     after the cause is mended
  magnum operation abandon ID --reason 'stack was removed by hand'";

pub(crate) const RETRY: &str = "\
Example:
  magnum operation retry 0b5c8f0e-5a3a-4d0c-9a57-3f1f5f1d5b0e

A failed one goes on at the step that failed, which looks for what it made before. Only the latest operation of a cluster
can be run again. The user's token is wiped when an operation fails, so a creation that has not made its stack yet cannot
go on: the user has to delete the cluster and create it again. Resizes and deletes go on as the cluster's trust.";

pub(crate) const ABANDON: &str = "\
Example:
  magnum operation abandon 0b5c8f0e-5a3a-4d0c-9a57-3f1f5f1d5b0e --reason 'stack was removed by hand'

Nothing is torn down: the stack and whatever else was made stay until the cluster is deleted.";
