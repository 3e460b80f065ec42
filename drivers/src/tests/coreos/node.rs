//! A node's whole run, in a root of its own: its real user data, its real script, stand-ins for the machine.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use super::super::{hot::Rendered, ignition::files, samples::Sample, samples::coreos::driver};

/// Commands that a machine has and a test must not call.
const COMMANDS: [&str; 22] = [
    "blkid",
    "curl",
    "find",
    "hostnamectl",
    "ip",
    "kubectl",
    "mkfs.xfs",
    "modprobe",
    "mount",
    "mountpoint",
    "podman",
    "restorecon",
    "setenforce",
    "sleep",
    "sysctl",
    "systemctl",
    "udevadm",
    "uname",
    "update-ca-trust",
    "reboot",
    "iptables",
    "openssl",
];

/// Folders of a machine, which become folders of the test.
const FOLDERS: [&str; 7] = ["/etc/", "/opt/", "/run/", "/srv/", "/usr/local/", "/var/", "/dev/disk"];

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A node with a folder for a root, which goes with it.
pub(super) struct Node {
    pub(super) root: PathBuf,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Node {
    /// The first node of a group, as Ignition leaves it.
    pub(super) fn new(sample: &Sample, group: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("coreos-node-{}-{number}", std::process::id()));
        for folder in [
            "bin",
            "applied",
            "etc/selinux",
            "etc/pki/ca-trust/source/anchors",
            "etc/modules-load.d",
            "etc/sysctl.d",
            "etc/NetworkManager/conf.d",
            "etc/profile.d",
            "etc/systemd/system",
            "run",
            "opt",
            "usr/local/bin",
            "dev",
            "var/lib",
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let standins = root.join("bin/standins.sh");
        fs::write(&standins, include_str!("standins.sh")).unwrap();
        fs::set_permissions(&standins, fs::Permissions::from_mode(0o755)).unwrap();
        for command in COMMANDS {
            symlink(&standins, root.join("bin").join(command)).unwrap();
        }
        fs::write(root.join("etc/selinux/config"), "SELINUX=enforcing\n").unwrap();
        fs::write(root.join("etc/fstab"), "").unwrap();
        fs::write(root.join("dev/volume"), "").unwrap();
        let node = Self { root };
        node.authority();
        let request = sample.stack(driver());
        for (path, file) in files(&Rendered::new(&request).user_data(group, 0)) {
            node.write(&path, &file.text, file.mode);
        }
        node
    }

    fn authority(&self) {
        let done = Command::new("openssl")
            .args(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=ca -keyout authority.key -out authority.crt"
                    .split(' '),
            )
            .current_dir(&self.root)
            .output()
            .unwrap();
        assert!(done.status.success());
    }

    fn write(&self, path: &str, text: &str, mode: u64) {
        let target = self.path(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let text = if path.ends_with("magnum-node") {
            self.moved(text)
        } else {
            // What the tests' reading of Heat calls addresses.
            let names = [
                ("api_address-of-public", "172.24.4.9"),
                ("api_address-of-private", "10.0.0.5"),
                ("kube_minion_eth0-of-address", "10.0.0.8"),
                ("kube_minion_eth0-of-floating_address", "172.24.4.8"),
            ];
            names.iter().fold(text.to_owned(), |text, (name, address)| text.replace(name, address))
        };
        fs::write(&target, text).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(u32::try_from(mode).unwrap())).unwrap();
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A script with the machine's folders under this root.
    fn moved(&self, text: &str) -> String {
        let root = self.root.to_str().unwrap();
        FOLDERS.iter().fold(text.to_owned(), |text, folder| text.replace(folder, &format!("{root}{folder}")))
    }

    /// Runs the node's script, as the unit does, and answers whether it went well and what it logged.
    pub(super) fn boot(&self) -> (bool, String) {
        self.run("/usr/local/libexec/magnum-node")
    }

    /// Runs a script of the node, and answers whether it went well and what it logged.
    pub(super) fn run(&self, script: &str) -> (bool, String) {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .arg(self.path(script))
            .env_clear()
            .env("PATH", format!("{}:{path}", self.root.join("bin").display()))
            .env("ROOT", &self.root)
            .env("BASH_ENV", "")
            .current_dir(&self.root)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// A file's text with the machine's own paths again.
    pub(super) fn read(&self, path: &str) -> String {
        let text = fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        text.replace(self.root.to_str().unwrap(), "")
    }

    pub(super) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}")).permissions().mode() & 0o777
    }

    /// Every file under a folder, by its path on the machine.
    pub(super) fn all(&self, folder: &str) -> BTreeMap<String, PathBuf> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.path(folder)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(self.named(&path), path);
                }
            }
        }
        found
    }

    fn named(&self, path: &Path) -> String {
        format!("/{}", path.strip_prefix(&self.root).unwrap().display())
    }

    /// Words of the command a unit starts, with quotes and escapes undone as systemd does.
    pub(super) fn command(&self, unit: &str) -> Vec<String> {
        let text = self.read(&format!("/etc/systemd/system/{unit}.service")).replace("\\\n", " ");
        let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap().to_owned();
        let mut words = vec![String::new()];
        let (mut quoted, mut escaped) = (false, false);
        for c in line.chars() {
            match c {
                _ if escaped => {
                    escaped = false;
                    words.last_mut().unwrap().push(c);
                }
                '\\' => escaped = true,
                '"' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                _ => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words.iter().map(|word| word.replace("%%", "%").replace("$$", "$")).collect()
    }
}
