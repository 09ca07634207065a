//! Real brokers with a plugin, and what talks to them.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::{Bench, Side};

/// Everybody's password.
pub const PASSWORD: &str = "pw";

/// A broker of some version: where it is, and where its C plugin is in there.
pub struct Version {
    /// Its number.
    pub name: &'static str,
    /// A system of its own, made by `scripts/chroots.sh`.
    root: Option<PathBuf>,
    theirs: &'static str,
}

/// Starts a broker: the machine's own, or the one in a root folder, inside of which `config` is a path.
///
/// # Errors
/// It is not installed.
pub fn spawn(root: Option<&Path>, config: &Path) -> io::Result<Child> {
    let mut command = match root {
        None => Command::new("mosquitto"),
        Some(root) => {
            let mut command = Command::new("chroot");
            command.arg(root).arg("/usr/sbin/mosquitto");
            command
        }
    };
    command
        .arg("-c")
        .arg(config)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// The broker of this system, 2.0.11, and 2.1.2 where it is there.
pub fn versions() -> Vec<Version> {
    let chroots = std::env::var_os("DYNSEC_CHROOTS").map_or(PathBuf::from("target/chroots"), PathBuf::from);
    let forky = chroots.join("forky");
    let theirs = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";
    let mut versions = vec![Version { name: "2.0.11", root: None, theirs }];
    if forky.join("usr/sbin/mosquitto").exists() {
        let theirs = "/usr/lib/x86_64-linux-gnu/mosquitto/mosquitto_dynamic_security.so";
        versions.push(Version { name: "2.1.2", root: Some(forky), theirs });
    } else {
        println!("2.1.2 is left out: make its system with scripts/chroots.sh forky, as root");
    }
    versions
}

/// A policy in which all have these members of a hash, and `u` may do everything.
pub fn policy(hash: &Value, names: impl Iterator<Item = String>) -> Value {
    let acls: Vec<Value> = ["publishClientSend", "publishClientReceive", "subscribePattern"]
        .iter()
        .flat_map(|acltype| {
            let acl = move |topic| json!({"acltype": acltype, "topic": topic, "allow": true});
            ["$CONTROL/dynamic-security/#", "#"].map(acl)
        })
        .collect();
    let client = |name: String, roles: Value| {
        let mut client = hash.clone();
        client["username"] = json!(name);
        client["roles"] = roles;
        client
    };
    let mut clients = vec![client("u".into(), json!([{"rolename": "r"}]))];
    // Without roles: for the C plugin, loading so many holders of one takes minutes.
    clients.extend(names.map(|name| client(name, json!([]))));
    json!({"clients": clients, "groups": [], "roles": [{"rolename": "r", "acls": acls}]})
}

/// A broker that runs. It ends when this is dropped, and its folder with it.
pub struct Broker {
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub port: u16,
}

impl Broker {
    /// Starts a broker with a plugin, a policy, and more lines of its configuration.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        bench: &Bench,
        version: &Version,
        side: Side,
        policy: &Value,
        lines: &str,
    ) -> Result<Self, Box<dyn Error>> {
        Self::start_with(bench, version, Some(side), policy, lines)
    }

    /// Starts a broker without any plugin, which lets everybody in.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_alone(bench: &Bench, version: &Version) -> Result<Self, Box<dyn Error>> {
        Self::start_with(bench, version, None, &Value::Null, "")
    }

    fn start_with(
        bench: &Bench,
        version: &Version,
        side: Option<Side>,
        policy: &Value,
        lines: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let name = bench.new_path();
        let (folder, inside) = match &version.root {
            None => (name.clone(), name),
            Some(root) => {
                let name = name.strip_prefix("/")?.to_string_lossy().replace('/', "-");
                (root.join("tmp").join(&name), Path::new("/tmp").join(name))
            }
        };
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("policy.json"), policy.to_string())?;
        let plugin = match side {
            None => None,
            Some(Side::Theirs) => Some(PathBuf::from(version.theirs)),
            Some(Side::Ours) => {
                fs::copy(bench.plugin(Side::Ours), folder.join("ours.so"))?;
                Some(inside.join("ours.so"))
            }
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let plugin = match plugin {
            None => "allow_anonymous true\n".to_owned(),
            Some(plugin) => format!(
                "allow_anonymous false\nplugin {}\nplugin_opt_config_file {}\n{lines}\n",
                plugin.display(),
                inside.join("policy.json").display()
            ),
        };
        // Messages are small and leave at once: a gap is to be the broker's, not TCP's (Nagle's algorithm).
        let config = format!(
            "listener {port} 127.0.0.1\nset_tcp_nodelay true\nuser root\nlog_dest none\nmax_queued_messages 0\n{plugin}"
        );
        fs::write(folder.join("mosquitto.conf"), config)?;
        let child = spawn(version.root.as_deref(), &inside.join("mosquitto.conf"))?;
        let broker = Self { child, folder, port };
        for _ in 0..3000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(broker);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("the broker {} does not answer", version.name).into())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // All of it fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A publisher of 1 kHz and its subscriber.
pub struct Stream {
    ended: Arc<AtomicBool>,
    longest: Arc<std::sync::Mutex<Duration>>,
    threads: Vec<thread::JoinHandle<io::Result<()>>>,
}

impl Stream {
    /// Starts both.
    ///
    /// # Errors
    /// One is refused.
    pub fn start(port: u16) -> io::Result<Self> {
        let mut publisher = Client::connect(port, "publisher", "u")?;
        let mut subscriber = Client::connect(port, "subscriber", "u")?;
        subscriber.subscribe("stream")?;
        let (ended, longest) = (Arc::<AtomicBool>::default(), Arc::<std::sync::Mutex<Duration>>::default());
        let send = {
            let ended = Arc::clone(&ended);
            move || {
                let mut due = Instant::now();
                while !ended.load(Ordering::Relaxed) {
                    publisher.publish("stream", b"x")?;
                    due += Duration::from_millis(1);
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                publisher.publish("stream", b"end")
            }
        };
        let receive = {
            let longest = Arc::clone(&longest);
            move || {
                let mut last = Instant::now();
                while subscriber.message()? != b"end" {
                    let now = Instant::now();
                    let mut longest = longest.lock().map_err(|_| io::ErrorKind::Other)?;
                    *longest = (*longest).max(now - last);
                    last = now;
                }
                Ok(())
            }
        };
        let threads = vec![thread::spawn(send), thread::spawn(receive)];
        Ok(Self { ended, longest, threads })
    }

    /// Milliseconds, since this was last asked.
    pub fn longest_gap(&self) -> f64 {
        self.longest.lock().map_or(f64::NAN, |mut longest| std::mem::take(&mut *longest).as_secs_f64() * 1e3)
    }

    /// Ends both.
    ///
    /// # Errors
    /// The broker has ended, or the connection.
    pub fn end(self) -> Result<(), Box<dyn Error>> {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    }
}

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.0, without properties.
    V5,
}

/// A client, as far as MQTT is needed here: QoS 0, and MQTT 5.0 only to log in.
pub struct Client(TcpStream);

impl Client {
    /// Logs in.
    ///
    /// # Errors
    /// It is refused, or the connection fails.
    pub fn connect(port: u16, clientid: &str, username: &str) -> io::Result<Self> {
        let mut client = Self::begin(port, Protocol::V3, clientid, username)?;
        client.end()?;
        Ok(client)
    }

    /// Sends a login.
    ///
    /// # Errors
    /// The connection fails.
    pub fn begin(port: u16, protocol: Protocol, clientid: &str, username: &str) -> io::Result<Self> {
        let mut client = Self(TcpStream::connect(("127.0.0.1", port))?);
        client.0.set_nodelay(true)?;
        client.0.set_read_timeout(Some(Duration::from_mins(5)))?;
        let rest: &[u8] = match protocol {
            Protocol::V3 => &[4, 0xc2, 0, 0],
            Protocol::V5 => &[5, 0xc2, 0, 0, 0],
        };
        let mut body = [&string("MQTT")[..], rest].concat();
        for text in [clientid, username, PASSWORD] {
            body.extend(string(text));
        }
        client.send(0x10, &body)?;
        Ok(client)
    }

    /// Waits for the answer to it.
    ///
    /// # Errors
    /// It is refused, or the connection fails.
    pub fn end(&mut self) -> io::Result<()> {
        match self.packet()? {
            (0x20, answer) if answer.starts_with(&[0, 0]) => Ok(()),
            (_, answer) => Err(io::Error::other(format!("refused: {answer:?}"))),
        }
    }

    /// Subscribes.
    ///
    /// # Errors
    /// It is refused, or the connection fails.
    pub fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        self.send(0x82, &[&[0, 1][..], &string(topic), &[0]].concat())?;
        match self.packet()? {
            (0x90, answer) if answer == [0, 1, 0] => Ok(()),
            (_, answer) => Err(io::Error::other(format!("refused: {answer:?}"))),
        }
    }

    /// Publishes.
    ///
    /// # Errors
    /// The connection fails.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<()> {
        self.send(0x30, &[&string(topic)[..], payload].concat())
    }

    /// The next message's payload.
    ///
    /// # Errors
    /// The connection fails.
    pub fn message(&mut self) -> io::Result<Vec<u8>> {
        let (_, body) = self.packet()?;
        let topic = body.first_chunk::<2>().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
        Ok(body.get(2 + topic..).unwrap_or_default().to_vec())
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let mut packet = vec![kind];
        let mut length = body.len();
        loop {
            let more = if length > 127 { 128 } else { 0 };
            packet.push((length % 128) as u8 | more);
            length /= 128;
            if length == 0 {
                break;
            }
        }
        packet.extend(body);
        self.0.write_all(&packet)
    }

    /// The next packet: its first byte, and what follows its length.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn packet(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        let kind = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.0.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 127) << shift;
            shift += 7;
            if byte[0] < 128 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}
