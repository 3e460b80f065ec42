//! `magnum bootstrap`: makes what the service needs of a real cloud, and changes nothing that is as it should be.
//!
//! Everything is looked at before the first thing is changed, so that what cannot work is refused as a whole. Then come
//! the database, the configuration file, and Keystone, in this order: a generated password is in the file before any
//! user has it, and a run that breaks off is finished by the next. Last, the service's own logins are tried.

mod advice;
mod arguments;
mod catalogue;
mod file;
mod report;
mod site;
mod wanted;

use std::{error::Error, path::Path};

use cloud::{Cloud, Session};
use domain::{Options, Secret};
use store::{PoolOptions, Store};

use crate::{
    cli::{ConfigArguments, Outcome},
    logging::Logs,
    service, terminal,
};
use advice::stop;
pub(crate) use arguments::Arguments;
use report::{Finding, Report};
use site::Site;
use wanted::Wanted;

/// What a step gives, or the error that ends the run.
type Step<T> = Result<T, Box<dyn Error>>;

/// One run.
struct Bootstrap<'a> {
    arguments: &'a Arguments,
    options: Options,
    /// What the configuration files say by themselves.
    stored: Wanted,
    wanted: Wanted,
    region: String,
    urls: Option<[String; 3]>,
    cloud: Cloud,
    admin: Session,
}

pub(crate) async fn run(config: &ConfigArguments, arguments: &Arguments) -> Outcome {
    let done = work(config, arguments).await;
    done.map_err(|error| advice::explain(error, &arguments.administrator))
}

async fn work(config: &ConfigArguments, arguments: &Arguments) -> Outcome {
    let mut bootstrap = Bootstrap::open(config, arguments).await?;
    let survey = bootstrap.pass(Report::look(!arguments.dry_run)).await?;
    if arguments.dry_run {
        terminal::say(&survey.conclusion());
        return Ok(());
    }
    bootstrap.choose_passwords()?;
    let report = bootstrap.pass(Report::work()).await?;
    bootstrap.prove().await?;
    terminal::say(&report.conclusion());
    bootstrap.teach();
    Ok(())
}

impl<'a> Bootstrap<'a> {
    /// Reads the configuration and logs in.
    async fn open(config: &ConfigArguments, arguments: &'a Arguments) -> Step<Self> {
        let mut config = config.clone();
        if let Some(file) = arguments.write_config.as_ref().filter(|file| file.exists())
            && !config.config_file.contains(file)
        {
            config.config_file.push(file.clone());
        }
        let options = service::load(&config, Logs::Command)?;
        let (alone, _) = domain::load(&config.config_file, &config.config_dir, [])?;
        let mut wanted = Wanted::from_options(&options);
        wanted.overlay(arguments);
        let urls = catalogue::addresses(&arguments.wanted)?;
        let (cloud, admin) = advice::log_in(&options, &wanted, &arguments.administrator).await?;
        wanted.complete(&arguments.administrator);
        let (region, many) = catalogue::region(&admin, wanted.region.as_deref()).await?;
        let mut stored = Wanted::from_options(&alone);
        for one in [&mut wanted, &mut stored] {
            one.many_regions = many;
        }
        wanted.region = Some(region.clone());
        wanted.client_region = Some(region.clone());
        Ok(Self { arguments, options, stored, wanted, region, urls, cloud, admin })
    }

    /// Goes through everything once.
    async fn pass(&self, report: Report) -> Step<Report> {
        let mut site = Site {
            cloud: &self.cloud,
            admin: &self.admin,
            reset_passwords: self.arguments.reset_passwords,
            generates: self.new_file().is_some(),
            report,
        };
        if !self.arguments.no_database {
            self.database(&mut site.report).await?;
        }
        self.file(&mut site.report)?;
        site.people(&self.wanted).await?;
        site.catalogue(&self.region, self.urls.as_ref()).await?;
        Ok(site.report)
    }

    async fn database(&self, report: &mut Report) -> Step<()> {
        let url = self.wanted.connection.expose();
        if !report.applies() && is_new_sqlite(url) {
            report.tell(Finding::Missing, "database", "a SQLite file with the tables of this release");
            return Ok(());
        }
        // An operator is there to start the server: nothing is gained by waiting for it.
        let pool = PoolOptions { max_retries: 0, ..PoolOptions::from(&self.options) };
        let unreachable = |error: domain::Error| {
            format!(
                "{}. Check [database] connection; the database and its user have to exist. --no-database leaves it alone",
                terminal::chain(&error)
            )
        };
        let store = Store::connect(url, pool).await.map_err(unreachable)?;
        let pending = store.pending_migrations().await?;
        if report.applies() {
            store.migrate().await?;
        }
        match pending.len() {
            0 => report.tell(Finding::Fine, "database", "has the tables of this release"),
            count => report.tell(Finding::Missing, "database", &format!("tables of this release, {count} migrations")),
        }
        Ok(())
    }

    /// The file that is to be written and is not there yet.
    fn new_file(&self) -> Option<&'a Path> {
        self.arguments.write_config.as_deref().filter(|file| !file.exists())
    }

    fn file(&self, report: &mut Report) -> Step<()> {
        let Some(path) = &self.arguments.write_config else { return Ok(()) };
        let shown = path.display();
        if self.new_file().is_some() {
            let text = file::text(&self.wanted)?;
            if report.applies() {
                file::write(path, &text).map_err(|error| format!("cannot write {shown}: {error}"))?;
            }
            report.tell(Finding::Missing, "config", &shown.to_string());
            return Ok(());
        }
        match self.wanted.differences(&self.stored).as_slice() {
            [] => {
                report.tell(Finding::Fine, "config", &shown.to_string());
                Ok(())
            }
            different => Err(stop(format!(
                "{shown} exists and says otherwise, or nothing, about {}. Correct it there, or name a new file; files \
                 that exist are not written to",
                different.join(", ")
            ))),
        }
    }

    /// Generates the passwords that nobody gave.
    fn choose_passwords(&mut self) -> Step<()> {
        for password in [&mut self.wanted.service.password, &mut self.wanted.trustee_admin.password] {
            if password.is_none() {
                *password = Some(generated()?);
            }
        }
        Ok(())
    }

    /// Does what the service does first: logs in as its two users and looks itself up.
    async fn prove(&self) -> Step<()> {
        let cloud = Cloud::new(self.wanted.service_settings(&self.options))?;
        let caller = cloud.as_service().caller().await?;
        if let Some(missing) = site::SERVICE_ROLES.iter().find(|role| !caller.roles.iter().any(|have| have == *role)) {
            return Err(stop(format!("the service user logs in, but Keystone does not give it the role {missing}")));
        }
        cloud.as_domain_admin().caller().await?;
        let url = cloud.magnum_url().await?;
        terminal::say(&format!("The service's users can log in, and find it at {url}."));
        Ok(())
    }

    fn teach(&self) {
        if let Some(file) = &self.arguments.write_config {
            let file = file.display();
            terminal::say(&format!(
                "Next: magnum --config-file {file} api, and beside it: magnum --config-file {file} conductor"
            ));
            return;
        }
        let missing = self.wanted.differences(&self.stored);
        if !missing.is_empty() {
            terminal::say(&format!(
                "Next: say the same in magnum.conf, which lacks it or says otherwise: {}",
                missing.join(", ")
            ));
        }
    }
}

/// `true` for a SQLite file that opening would make.
fn is_new_sqlite(url: &str) -> bool {
    let path = url.strip_prefix("sqlite:///").map(|path| path.split('?').next().unwrap_or_default());
    path.is_some_and(|path| !Path::new(path).exists())
}

/// 160 random bits as hexadecimal digits, which need no escaping anywhere.
fn generated() -> Step<Secret> {
    let mut bytes = [0; 20];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
