//! The command line. `--help` teaches: each command says what it does and what to do next.

use std::{error::Error, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{bootstrap, check, demo, help, logging::Logs, operations, policy, service, terminal};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// OpenStack's cluster-as-a-service: Kubernetes clusters through Magnum's API.
#[derive(Parser)]
#[command(name = "magnum", version, after_help = help::MAGNUM)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    #[command(subcommand)]
    command: Command,
}

/// Where options come from.
#[derive(Args, Clone, Default)]
pub(crate) struct ConfigArguments {
    /// An oslo.config INI file; may be given several times, later ones win [default: /etc/magnum/magnum.conf]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config_file: Vec<PathBuf>,
    /// A directory whose *.conf files are read in the order of their names
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the REST API; needs the database, and a conductor somewhere
    #[command(after_help = help::API)]
    Api(Listen),
    /// Carry out accepted operations; any number may share the work
    #[command(after_help = help::CONDUCTOR)]
    Conductor,
    /// API and conductor in one process; with --devcloud also a simulated OpenStack
    #[command(after_help = help::ALL)]
    All(All),
    /// Build, prove, resize and delete a cluster on a simulated cloud, then exit
    #[command(after_help = help::DEMO)]
    Demo,
    /// Make what the service needs of a real cloud: tables, users, roles, trustee domain, endpoints
    #[command(after_help = help::BOOTSTRAP)]
    Bootstrap(Box<bootstrap::Arguments>),
    /// Create or upgrade the database schema
    #[command(after_help = help::MIGRATE)]
    Migrate,
    /// Print a documented sample file
    #[command(after_help = help::SAMPLE)]
    Sample {
        /// Which one
        what: Sample,
    },
    /// Show who may do what
    #[command(after_help = help::POLICY)]
    Policy {
        /// Only rules whose names begin so; a single one is explained
        #[arg(default_value = "", hide_default_value = true)]
        rule: String,
    },
    /// Name rows of the database that are broken
    #[command(after_help = help::CHECK)]
    Check,
    /// Look at and steer accepted operations
    #[command(subcommand, after_help = help::OPERATION)]
    Operation(Operation),
}

#[derive(Args)]
struct Listen {
    /// Address to listen on [default: [api] host and port]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
}

#[derive(Args)]
struct All {
    #[command(flatten)]
    listen: Listen,
    /// Start a simulated OpenStack and use it; prints the OS_ variables for the openstack client
    #[arg(long)]
    devcloud: bool,
    /// Where the database and the key are kept with --devcloud [default: a folder that is removed at the end]
    #[arg(long, value_name = "DIR", requires = "devcloud")]
    state_dir: Option<PathBuf>,
    /// Stacks wait for the reports of nodes that somebody else runs; nothing plays the nodes
    #[arg(long, requires = "devcloud")]
    await_nodes: bool,
}

#[derive(Clone, ValueEnum)]
enum Sample {
    /// magnum.conf with every option, its meaning and default
    Config,
    /// policy.yaml with every rule
    Policy,
}

#[derive(Subcommand)]
enum Operation {
    /// Unfinished operations, newest first
    List {
        /// Also finished ones
        #[arg(long)]
        all: bool,
        /// Only of this cluster
        #[arg(long, value_name = "UUID")]
        cluster: Option<String>,
    },
    /// One operation
    Show {
        /// Its id
        id: String,
    },
    /// Run a waiting operation now, or a failed one again from the step where it failed
    #[command(after_help = help::RETRY)]
    Retry {
        /// Its id
        id: String,
    },
    /// Give up an unfinished operation; its cluster gets the matching FAILED status
    #[command(after_help = help::ABANDON)]
    Abandon {
        /// Its id
        id: String,
        /// Shown as the status reason
        #[arg(long, default_value = "Abandoned by the operator")]
        reason: String,
    },
}

impl Arguments {
    pub(crate) async fn run(self) -> Outcome {
        let config = self.config;
        match self.command {
            Command::Api(listen) => service::api(&config, listen.listen).await,
            Command::Conductor => service::conductor(&config).await,
            Command::All(all) if all.devcloud => {
                service::all_on_devcloud(&config, all.listen.listen, all.state_dir, all.await_nodes).await
            }
            Command::All(all) => service::all(&config, all.listen.listen).await,
            Command::Demo => demo::run().await,
            Command::Bootstrap(arguments) => bootstrap::run(&config, &arguments).await,
            Command::Migrate => service::migrate(&config).await,
            Command::Sample { what } => {
                let sample = match what {
                    Sample::Config => domain::sample_config(),
                    Sample::Policy => domain::sample_policy(),
                };
                terminal::say(sample.trim_end());
                Ok(())
            }
            Command::Policy { rule } => policy::run(&service::load(&config, Logs::Command)?, &rule),
            Command::Check => {
                let store = service::open_store(&service::load(&config, Logs::Command)?).await?;
                service::require_schema(&store).await?;
                check::run(&store).await
            }
            Command::Operation(command) => {
                let store = service::open_store(&service::load(&config, Logs::Command)?).await?;
                service::require_schema(&store).await?;
                match command {
                    Operation::List { all, cluster } => operations::list(&store, all, cluster.as_deref()).await,
                    Operation::Show { id } => operations::show(&store, &id).await,
                    Operation::Retry { id } => operations::retry(&store, &id).await,
                    Operation::Abandon { id, reason } => operations::abandon(&store, &id, &reason).await,
                }
            }
        }
    }
}
