//! Where brokers run: on this system, in a root folder of another one (`DYNSEC_ROOT`, as scripts/chroots.sh makes
//! it), or in containers of an image (`DYNSEC_IMAGE`). The only file that knows: how a folder is shared, what a
//! path of ours is called inside, how a program is run and ended.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::case::not_run;
use super::container::{Container, Image};
use super::{fault, wait_for};

/// Where a broker runs.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// On this system.
    Here,
    /// In another system's root folder on this machine.
    Root(PathBuf),
    /// In a container.
    Image(Image),
}

impl Place {
    /// The address that the broker sees clients of this machine come from.
    pub(crate) fn client_address(&self) -> &'static str {
        static GATEWAY: OnceLock<String> = OnceLock::new();
        if !matches!(self, Self::Image(_)) {
            return "127.0.0.1";
        }
        GATEWAY.get_or_init(|| {
            let format = "{{range .IPAM.Config}}{{.Gateway}} {{.Subnet}}{{end}}";
            let output =
                Command::new("docker").args(["network", "inspect", "bridge", "--format", format]).output();
            match output {
                Ok(output) if output.status.success() => {
                    // Where no gateway is configured, it is the first address.
                    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                    let first = text.split([' ', '/']).next().unwrap_or_default();
                    first.strip_suffix(".0").map_or(first.to_owned(), |net| format!("{net}.1"))
                }
                other => fault!("the address of Docker's bridge is not to be had: {other:?}"),
            }
        })
    }

    pub(crate) fn from_env() -> Self {
        match (std::env::var_os("DYNSEC_ROOT"), std::env::var("DYNSEC_IMAGE")) {
            (None, Err(_)) => Self::Here,
            (Some(root), Err(_)) => Self::Root(PathBuf::from(root)),
            (None, Ok(image)) => Self::Image(Image::new(image)),
            (Some(_), Ok(_)) => fault!("DYNSEC_ROOT and DYNSEC_IMAGE are set: one place at a time"),
        }
    }

    /// A folder that the broker can reach, gone when dropped.
    pub(crate) fn folder(&self) -> TempDir {
        let parent = match self {
            Self::Here | Self::Image(_) => std::env::temp_dir(),
            Self::Root(root) => root.join("tmp"),
        };
        let dir = tempfile::Builder::new()
            .prefix("dynsec-")
            .tempdir_in(&parent)
            .unwrap_or_else(|error| fault!("no folder in {}: {error}", parent.display()));
        // The broker may run as another user.
        set_mode(dir.path(), 0o755);
        dir
    }

    /// What the broker calls the file that we call `path`.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        match self {
            Self::Here | Self::Image(_) => path.to_owned(),
            Self::Root(root) => match path.strip_prefix(root) {
                Ok(rest) => Path::new("/").join(rest),
                Err(_) => fault!("{} is not in {}", path.display(), root.display()),
            },
        }
    }

    /// What we call the file that the broker calls `path`. Of an image only the case's folder has such a name.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        match self {
            Self::Here | Self::Image(_) => path.to_owned(),
            Self::Root(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }

    /// A command that runs `program` there; `variable` names it otherwise, `package` is what brings it.
    fn command(&self, variable: &str, programs: &[&str], package: &str) -> Command {
        let chosen = std::env::var(variable).ok();
        let programs: Vec<&str> = match &chosen {
            Some(path) => vec![path],
            None => programs.to_vec(),
        };
        let found = programs.iter().find(|program| self.outside(Path::new(program)).is_file());
        let Some(program) = found else {
            fault!(
                "none of {programs:?} is there ({self:?}): `apt-get install {package}` (Debian), \
                 or set {variable} to its path"
            );
        };
        let mut command = Command::new(program);
        if let Self::Root(root) = self {
            command = Command::new("chroot");
            command.arg(root).arg(program);
        }
        command
    }

    fn broker(&self) -> Command {
        let programs = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
        self.command("MOSQUITTO", &programs, "mosquitto")
    }

    /// The stock command line tool, with `home` for a home, where no options file of the user's is.
    pub(crate) fn mosquitto_ctrl(&self, home: &Path) -> Command {
        if let Self::Image(image) = self {
            return image.tool("mosquitto_ctrl", home);
        }
        let programs = ["/usr/bin/mosquitto_ctrl", "/usr/local/bin/mosquitto_ctrl"];
        let mut command = self.command("MOSQUITTO_CTRL", &programs, "mosquitto");
        command.env("HOME", home).env_remove("XDG_CONFIG_HOME");
        command
    }

    /// The broker's version, `2.0.11` for instance.
    pub(crate) fn version(&self) -> &'static str {
        static VERSION: OnceLock<String> = OnceLock::new();
        if let Self::Image(image) = self {
            return image.version();
        }
        VERSION.get_or_init(|| {
            let output = self.broker().arg("-h").output();
            let output = output.unwrap_or_else(|error| fault!("the broker does not run: {error}"));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let version = text.lines().find_map(|line| line.strip_prefix("mosquitto version "));
            match version {
                Some(version) => version.trim().to_owned(),
                None => fault!("`mosquitto -h` names no version: {text}{output:?}"),
            }
        })
    }

    /// Whether brokers can be given file systems of their own; if not, that is said where it is seen.
    pub(crate) fn can_mount(&self) -> bool {
        self.can("its broker needs a file system of its own, which takes root and no container", true)
    }

    /// Whether strace(1) can look at a broker; if not, that is said where it is seen.
    pub(crate) fn can_trace(&self) -> bool {
        let is_there = Command::new("strace").arg("--version").output().is_ok();
        self.can("its broker is looked at by strace, which takes that, root and no container", is_there)
    }

    fn can(&self, takes: &str, has: bool) -> bool {
        let can = has && are_root() && !matches!(self, Self::Image(_));
        if !can {
            not_run();
            // Not by `println!`: of a test that passes nobody would see it.
            let thread = std::thread::current();
            let text = format!("\nNOT TESTED: {}: {takes}\n", thread.name().unwrap_or("a test"));
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        can
    }

    /// Starts a broker with this configuration and these ports in `folder`, what it says going to `log`. Before,
    /// the shell runs `mounts` in the folder; what is mounted there only the broker sees, and it ends with it.
    pub(crate) fn start(
        &self,
        folder: &Path,
        configuration: &str,
        ports: &[u16],
        environment: &[(String, String)],
        mounts: &str,
        log: &Path,
    ) -> Process {
        let file = folder.join("mosquitto.conf");
        let (mut command, text, container) = match self {
            Self::Here | Self::Root(_) => {
                let mut command = self.broker();
                if !mounts.is_empty() {
                    command = in_a_namespace(&command, folder, mounts);
                }
                // That of who runs the tests is not for their brokers.
                command.env_remove("MOSQUITTO_DYNSEC_PASSWORD");
                command.envs(environment.iter().map(|(name, value)| (name, value)));
                (command, configuration.to_owned(), None)
            }
            Self::Image(image) => {
                let (command, container) = image.broker(folder, ports, environment);
                (command, Image::adapt(configuration), Some(container))
            }
        };
        std::fs::write(&file, text).expect("the configuration can be written");
        command.arg("-c").arg(self.inside(&file));
        let file = File::create(log).expect("the log can be created");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log can be shared"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| fault!("the broker does not start: {error}"));
        Process { child, status: None, container }
    }
}

impl Place {
    /// Whether a broker that ended with this log found a port in use.
    pub(crate) fn port_was_taken(&self, log: &str) -> bool {
        let engine = matches!(self, Self::Image(_)) && Image::port_was_taken(log);
        engine || log.contains("Address already in use")
    }

    /// Whether it was not the broker that ended so, since there was none.
    pub(crate) fn never_ran(&self, status: ExitStatus) -> bool {
        matches!(self, Self::Image(_)) && status.code() == Some(Image::NEVER_RAN)
    }
}

/// The command, in a mount namespace of its own, after a script. All of it is one process (unshare(1), `exec`).
fn in_a_namespace(command: &Command, folder: &Path, script: &str) -> Command {
    let mut within = Command::new("unshare");
    let script = format!("(cd \"$0\"; {script}); exec \"$@\"");
    within.args(["--mount", "--propagation", "private", "sh", "-e", "-c", &script]).arg(folder);
    within.arg(command.get_program()).args(command.get_args());
    within
}

/// A running broker. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    /// The broker itself, or the `docker run` that ends with it and as it does.
    child: Child,
    status: Option<ExitStatus>,
    container: Option<Container>,
}

impl Process {
    /// Where the file systems are as the broker sees them.
    pub(crate) fn its_root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.child.id()))
    }

    /// The broker's; `None` of one in a container.
    pub(crate) fn id(&self) -> Option<u32> {
        self.container.is_none().then(|| self.child.id())
    }

    /// What the kernel tells of the broker in a file of its own (proc(5)); `None` of one in a container.
    pub(crate) fn told(&self, file: &str) -> Option<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        self.container.is_none().then(|| std::fs::read_to_string(path).expect("it can be read"))
    }

    /// Runs a script in the folder, and with the mounts, that the broker has.
    pub(crate) fn run_beside(&self, folder: &Path, script: &str) {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.child.id()));
        let status =
            command.args(["sh", "-e", "-c", "cd \"$0\"; eval \"$1\""]).arg(folder).arg(script).status();
        assert!(status.as_ref().is_ok_and(ExitStatus::success), "{script}: {status:?}");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child can be waited for");
        }
        self.status
    }

    /// Sends a signal by name, `HUP` for instance.
    pub(crate) fn signal(&mut self, name: &str) {
        if self.ended().is_some() {
            return;
        }
        if let Some(container) = &self.container {
            // One that is not there any more has ended, and its `docker run` is about to.
            if !container.signal(name) {
                wait_for(&format!("the container, which SIG{name} did not reach, to end"), || self.ended());
            }
            return;
        }
        let line = format!("kill -{name} {}", self.child.id());
        let status = Command::new("/bin/sh").args(["-c", &line]).status();
        assert!(status.is_ok_and(|status| status.success()), "`{line}` failed");
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the end of the broker", || self.ended())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            match &self.container {
                // It takes the `docker run` with it.
                Some(container) => drop(container.signal("KILL")),
                None => drop(self.child.kill()),
            }
            drop(self.child.wait());
        }
    }
}

/// Whether we are root, without which a broker cannot change its user.
pub(crate) fn are_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// User and group of the system user `name` at `place`.
pub(crate) fn user(place: &Place, name: &str) -> (u32, u32) {
    let text = match place {
        Place::Image(image) => image.passwd().to_owned(),
        _ => std::fs::read_to_string(place.outside(Path::new("/etc/passwd"))).unwrap_or_default(),
    };
    let ids = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.unwrap_or_else(|| {
        fault!("there is no user `{name}` ({place:?}): `apt-get install mosquitto` makes it")
    })
}

/// Sets a file's permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| fault!("chmod of {}: {error}", path.display()));
}
