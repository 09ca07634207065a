//! What the images that docker/Dockerfile makes promise to whoever runs them.
//!
//! Needs a Docker engine and the images, so `cargo test` leaves these out; `make test-docker` runs them. How the
//! plugin behaves in a container is the matter of the real-broker suite, tests/broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "these are tests: a panic is how they fail"
)]

mod docker;

use std::path::Path;
use std::process::Command;

use docker::{Compose, Container, Volume, docker, image, output, run, wait_for};

const POLICY: &str = "/var/lib/mosquitto/dynamic-security.json";
const SUITES: [&str; 3] = ["bookworm", "trixie", "forky"];
const PASSWORD: &str = "a-password-of-mine";

macro_rules! for_each_suite {
    ($($name:ident),+ $(,)?) => {
        for_each_suite!(@suite bookworm $($name)+);
        for_each_suite!(@suite trixie $($name)+);
        for_each_suite!(@suite forky $($name)+);
    };
    (@suite $suite:ident $($name:ident)+) => {
        mod $suite {
            $(
                #[test]
                #[ignore = "needs a Docker engine and the images: make test-docker"]
                fn $name() {
                    super::$name(stringify!($suite));
                }
            )+
        }
    };
}

for_each_suite! {
    a_random_password_is_shown_once,
    a_password_of_the_environment_is_not_shown,
    a_password_of_a_secret_file_is_not_shown,
    a_policy_that_conf_d_names_is_made,
    a_password_that_cannot_be_used_is_refused,
    a_policy_that_is_there_is_left_alone,
    a_folder_that_cannot_be_written_is_refused,
    the_broker_is_no_root_and_needs_no_rights,
    health_is_that_of_the_broker,
    stopping_is_clean_and_quick,
    what_was_answered_survives_a_kill,
    a_policy_that_is_mounted_alone_is_saved,
    the_c_plugin_takes_the_volume_and_gives_it_back,
}

fn password_in(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("not shown again: "))?;
    line.split(": ").last().map(str::to_owned)
}

/// The options for a policy whose administrator has the password `PASSWORD`, on a volume.
fn known(volume: &Volume) -> [String; 4] {
    let environment = format!("MOSQUITTO_DYNSEC_PASSWORD={PASSWORD}");
    ["--volume".to_owned(), volume.mount(), "--env".to_owned(), environment]
}

#[track_caller]
fn start_known(suite: &str, volume: &Volume, options: &[&str]) -> Container {
    let known = known(volume);
    let all: Vec<&str> = known.iter().map(String::as_str).chain(options.iter().copied()).collect();
    Container::start(suite, &all)
}

fn a_random_password_is_shown_once(suite: &str) {
    let volume = Volume::new();
    let first = Container::start(suite, &["--volume", &volume.mount()]);
    let log = first.log();
    let password = password_in(&log).unwrap_or_else(|| panic!("no password in\n{log}"));
    assert_eq!(log.matches(&password).count(), 1, "{log}");
    assert_eq!(first.clients(&password), "admin\n");
    assert!(!first.lets_in("admin", "wrong"));
    // The same container again.
    docker(&["restart", &first.id]);
    first.ready();
    assert_eq!(first.clients(&password), "admin\n");
    assert_eq!(first.log().matches(&password).count(), 1);
    drop(first);
    // A new one.
    let second = Container::start(suite, &["--volume", &volume.mount()]);
    assert_eq!(second.clients(&password), "admin\n");
    let log = second.log();
    assert!(!log.contains("password") && !log.contains(&password), "{log}");
    // Another policy has another password.
    let other = Container::start(suite, &[]);
    assert_ne!(password_in(&other.log()), Some(password));
}

fn a_password_of_the_environment_is_not_shown(suite: &str) {
    let volume = Volume::new();
    let container = start_known(suite, &volume, &["--env", "MOSQUITTO_DYNSEC_USERNAME=admin"]);
    assert_eq!(container.clients(PASSWORD), "admin\n");
    assert!(!container.log().contains(PASSWORD), "{}", container.log());
    // Nor handed on to the broker.
    let environment = container.exec(&["cat", "/proc/1/environ"]);
    let environment = String::from_utf8_lossy(&environment.stdout).into_owned();
    assert!(environment.contains("PATH=") && !environment.contains(PASSWORD), "{environment}");
}

fn a_password_of_a_secret_file_is_not_shown(suite: &str) {
    for end in ["", "\n", "\r\n"] {
        let file = tempfile::Builder::new().permissions(permissions(0o644)).tempfile().unwrap();
        std::fs::write(file.path(), format!("{PASSWORD}{end}")).unwrap();
        let mount = format!("{}:/run/secrets/admin:ro", file.path().display());
        let name = "MOSQUITTO_DYNSEC_PASSWORD_FILE=/run/secrets/admin";
        let container = Container::start(suite, &["--volume", &mount, "--env", name]);
        assert_eq!(container.clients(PASSWORD), "admin\n", "{end:?}");
        assert!(!container.log().contains(PASSWORD), "{}", container.log());
    }
}

fn a_policy_that_conf_d_names_is_made(suite: &str) {
    let folder = tempfile::Builder::new().permissions(permissions(0o755)).tempdir().unwrap();
    let write = |name: &str, lines: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, lines).unwrap();
        std::fs::set_permissions(&path, permissions(0o644)).unwrap();
        path.display().to_string()
    };
    let include = "listener 1883\nlog_dest stderr\ninclude_dir /etc/mosquitto/conf.d\n";
    let main = format!("{}:/etc/mosquitto/mosquitto.conf:ro", write("main.conf", include));
    let plugin = "allow_anonymous false\nplugin /usr/local/lib/libmosquitto_dynsec.so\n";
    let plugin = format!("{plugin}plugin_opt_config_file {POLICY}\n");
    let lines = format!("{}:/etc/mosquitto/conf.d/dynsec.conf:ro", write("lines.conf", &plugin));
    let volume = Volume::new();
    let container = start_known(suite, &volume, &["--volume", &main, "--volume", &lines]);
    assert_eq!(container.clients(PASSWORD), "admin\n");
    let environment = container.exec(&["cat", "/proc/1/environ"]);
    assert!(!String::from_utf8_lossy(&environment.stdout).contains(PASSWORD));
}

fn a_password_that_cannot_be_used_is_refused(suite: &str) {
    for (setting, complaint) in [
        ("MOSQUITTO_DYNSEC_PASSWORD=short-words", "fewer than 12 characters"),
        ("MOSQUITTO_DYNSEC_PASSWORD_FILE=/run/secrets/none", "cannot be read"),
        ("MOSQUITTO_DYNSEC_PASSWORD_FILE=/dev/null", "fewer than 12 characters"),
    ] {
        let container = Container::create(suite, &["--env", setting], &[]);
        let (code, log) = container.ended();
        assert_ne!(code, "0", "{log}");
        assert!(log.contains(complaint) && !log.contains("short-words"), "{log}");
    }
}

fn a_policy_that_is_there_is_left_alone(suite: &str) {
    let volume = Volume::new();
    let mount = volume.mount();
    let broken = ["--rm", "--entrypoint", "sh", "--volume", &mount];
    let write = format!("printf '{{\"clients\": [' >{POLICY}");
    docker(&[&["run"], &broken[..], &[&image(suite), "-c", &write]].concat());
    let container = Container::create(suite, &["--volume", &mount], &[]);
    let (code, log) = container.ended();
    assert_ne!(code, "0", "{log}");
    assert!(log.contains("line 1 column") && !log.contains("password"), "{log}");
}

fn a_folder_that_cannot_be_written_is_refused(suite: &str) {
    // Root's, as a folder is that the engine makes for a bind mount.
    let folder = tempfile::Builder::new().permissions(permissions(0o755)).tempdir().unwrap();
    let mount = format!("{}:/var/lib/mosquitto", folder.path().display());
    let container = Container::create(suite, &["--volume", &mount, "--user", "4321:4321"], &[]);
    let (code, log) = container.ended();
    assert_ne!(code, "0", "{log}");
    assert!(log.contains("user 4321") && log.contains("cannot write to /var/lib/mosquitto"), "{log}");
    assert!(!log.contains("password"), "{log}");
}

fn the_broker_is_no_root_and_needs_no_rights(suite: &str) {
    let volume = Volume::new();
    let hardened = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let container = start_known(suite, &volume, &hardened);
    let status = container.exec(&["grep", "-E", "^(Name|Uid|Gid|CapEff):", "/proc/1/status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    let fields: Vec<&str> = status.split_whitespace().collect();
    assert_eq!(fields[..4], ["Name:", "mosquitto", "Uid:", "1883"], "{status}");
    assert!(status.contains("Gid:\t1883"), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    container.create_client("john");
    let mode = container.exec(&["stat", "-c", "%a %U", POLICY]);
    assert_eq!(String::from_utf8_lossy(&mode.stdout), "600 mosquitto\n");
}

fn health_is_that_of_the_broker(suite: &str) {
    let container = Container::start(suite, &["--health-interval", "1s"]);
    wait_for("a healthy container", || container.inspect("{{.State.Health.Status}}") == "healthy");
    let check = || container.exec(&["healthcheck.sh"]);
    assert!(check().status.success(), "{:?}", check());
    // A broker that hangs.
    docker(&["kill", "--signal", "STOP", &container.id]);
    let hung = check();
    assert!(!hung.status.success(), "{hung:?}");
    assert!(String::from_utf8_lossy(&hung.stdout).contains("no answer"), "{hung:?}");
    docker(&["kill", "--signal", "CONT", &container.id]);
    assert!(check().status.success(), "{:?}", check());
    // A port nobody listens on.
    let nobody = container.exec(&["env", "HEALTHCHECK_PORT=1884", "healthcheck.sh"]);
    assert!(!nobody.status.success(), "{nobody:?}");
}

fn stopping_is_clean_and_quick(suite: &str) {
    let volume = Volume::new();
    let container = start_known(suite, &volume, &[]);
    container.create_client("john");
    // Ten seconds after SIGTERM comes SIGKILL, and the code would be 137.
    docker(&["stop", &container.id]);
    let log = container.log();
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0", "{log}");
    assert!(log.contains(" terminating"), "{log}");
    docker(&["start", &container.id]);
    container.ready();
    assert_eq!(container.clients(PASSWORD), "admin\njohn\n");
}

fn what_was_answered_survives_a_kill(suite: &str) {
    let volume = Volume::new();
    let mut expected = String::from("admin\n");
    for round in 0..3 {
        let container = start_known(suite, &volume, &[]);
        assert_eq!(container.clients(PASSWORD), expected, "round {round}");
        for number in 0..3 {
            let username = format!("c{round}{number}");
            container.create_client(&username);
            expected.push_str(&username);
            expected.push('\n');
        }
        docker(&["kill", &container.id]);
        assert_eq!(container.inspect("{{.State.ExitCode}}"), "137");
    }
    let container = start_known(suite, &volume, &[]);
    assert_eq!(container.clients(PASSWORD), expected);
    assert!(container.lets_in("c22", "pw") && !container.lets_in("c22", "wrong"));
}

fn a_policy_that_is_mounted_alone_is_saved(suite: &str) {
    let volume = Volume::new();
    let made = start_known(suite, &volume, &[]);
    let folder = tempfile::Builder::new().permissions(permissions(0o755)).tempdir().unwrap();
    let file = folder.path().join("dynamic-security.json");
    let from = format!("{}:{POLICY}", made.id);
    docker(&["cp", &from, file.to_str().unwrap()]);
    drop(made);
    // Whose it is inside matters, not who made it.
    std::os::unix::fs::chown(&file, Some(1883), Some(1883)).expect("needs root, as the engine usually does");
    let mount = format!("{}:{POLICY}", file.display());
    for expected in ["admin\n", "admin\njohn\n"] {
        let container = Container::start(suite, &["--volume", &mount]);
        assert_eq!(container.clients(PASSWORD), expected);
        if expected == "admin\n" {
            container.create_client("john");
        }
    }
    assert!(std::fs::read_to_string(&file).unwrap().contains("john"));
}

fn the_c_plugin_takes_the_volume_and_gives_it_back(suite: &str) {
    let volume = Volume::new();
    let ours = start_known(suite, &volume, &[]);
    ours.create_client("john");
    let theirs = ours.exec(&["find", "/usr/lib", "-type", "f", "-name", "mosquitto_dynamic_security.so"]);
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    drop(ours);

    // As docs/brokers.md has it: one line of the configuration is another.
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/mosquitto.conf"));
    let text = text.unwrap().replace("/usr/local/lib/libmosquitto_dynsec.so", theirs.trim_end());
    let file = tempfile::Builder::new().permissions(permissions(0o644)).tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mount = format!("{}:/etc/mosquitto/mosquitto.conf:ro", file.path().display());
    let container = start_known(suite, &volume, &["--volume", &mount]);
    assert!(!container.log().contains("mosquitto-dynsec"), "{}", container.log());
    assert_eq!(container.clients(PASSWORD), "admin\njohn\n");
    assert!(container.lets_in("john", "pw") && !container.lets_in("john", "wrong"));
    container.create_client("jane");
    docker(&["stop", &container.id]);
    drop(container);

    let ours = start_known(suite, &volume, &[]);
    assert!(ours.log().contains("mosquitto-dynsec"), "{}", ours.log());
    assert_eq!(ours.clients(PASSWORD), "admin\njane\njohn\n");
    assert!(ours.lets_in("john", "pw") && ours.lets_in("jane", "pw") && !ours.lets_in("jane", "wrong"));
}

/// One volume, the images of all suites, upwards and downwards again.
#[test]
#[ignore = "needs a Docker engine and the images: make test-docker"]
fn the_policy_goes_with_the_volume_from_image_to_image() {
    let volume = Volume::new();
    let way = ["bookworm", "trixie", "forky", "bookworm", "forky", "trixie", "bookworm"];
    let mut expected = String::from("admin\n");
    for (step, suite) in way.into_iter().enumerate() {
        let container = start_known(suite, &volume, &[]);
        assert_eq!(container.clients(PASSWORD), expected, "step {step}, on {suite}");
        for earlier in 0..step {
            let username = format!("c{earlier}");
            assert!(container.lets_in(&username, "pw"), "{username} in step {step}, on {suite}");
            assert!(!container.lets_in(&username, "wrong"), "{username} in step {step}, on {suite}");
        }
        container.create_client(&format!("c{step}"));
        expected.push_str(&["c", &step.to_string(), "\n"].concat());
        // Without a warning every other time.
        docker(&[if step % 2 == 0 { "kill" } else { "stop" }, &container.id]);
    }
}

/// The same file, byte for byte, is what all images have and what is built.
#[test]
#[ignore = "needs a Docker engine and the images: make test-docker"]
fn all_images_have_the_same_plugin() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = root.join("docker/libmosquitto_dynsec.so");
    let built = run("sha256sum", &[built.to_str().unwrap()]);
    let built = built.split_whitespace().next().unwrap();
    for suite in SUITES {
        let command = ["run", "--rm", "--network", "none", &image(suite), "sha256sum"];
        let inside = docker(&[&command[..], &["/usr/local/lib/libmosquitto_dynsec.so"]].concat());
        assert!(inside.starts_with(built), "{suite}: {inside}, not {built}");
    }
}

/// docker/compose.yaml, by each of the two tools that is there.
#[test]
#[ignore = "needs a Docker engine and the images: make test-docker"]
fn the_demonstration_comes_up() {
    let new = output("docker", &["compose", "version"]).status.success();
    let old = Command::new("docker-compose").arg("version").output().is_ok();
    assert!(new || old, "neither `docker compose` nor `docker-compose` is there");
    let tools = [(new, &["docker", "compose"][..]), (old, &["docker-compose"])];
    for (_, tool) in tools.into_iter().filter(|(there, _)| *there) {
        let compose = Compose::new(tool);
        compose.run(&["up", "--detach"]);
        let mut password = None;
        wait_for("the password", || {
            password = password_in(&compose.run(&["logs", "--no-color"]));
            password.is_some()
        });
        let port = compose.port.to_string();
        let login = ["-h", "127.0.0.1", "-p", &port, "-u", "admin", "-P", &password.unwrap(), "dynsec"];
        let list = [&login[..], &["listClients"]].concat();
        wait_for("the broker", || output("mosquitto_ctrl", &list).stdout == b"admin\n");
    }
}

fn permissions(mode: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}
