//! Whether commands hold the broker up: the longest gap between two deliveries of a publisher of 1 kHz while clients
//! with passwords are made, and while a role changes that many who are connected have, on a real broker.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::table::Table;

/// How many clients there are, and how many are made; fewer where the C plugin takes half a second for each.
const SIZES: [(usize, usize); 3] = [(0, 1000), (10_000, 100), (100_000, 20)];
/// How many are connected that have the role that is changed.
const MEMBERS: [usize; 2] = [1_000, 10_000];
const CONTROL: &str = "$CONTROL/dynamic-security/v1";
/// Of the password `pw`.
const HASH: &str = "l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
const SALT: &str = "AAECAwQFBgcICQoL";

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut gaps = Table::new(
        "stall-gaps",
        "The longest gap between two deliveries of a publisher of 1 kHz, in one run.",
        "ms",
    );
    let mut times =
        Table::new("stall-times", "How long all these commands take, each in a payload of its own.", "ms");
    for (size, commands) in SIZES.into_iter().filter(|(size, _)| bench.takes(*size)) {
        let clients = Some(size as u64);
        let work = format!("{commands} createClient with passwords");
        let mut of_sides = Vec::new();
        for side in Side::BOTH {
            bench.progress(&format!("{work}, {size} clients, {side:?}"));
            of_sides.push(measure(bench.plugin(side), &bench.new_path(), size, commands)?);
        }
        let [theirs, ours] = &of_sides[..] else { return Err("there are two sides".into()) };
        gaps.push("nothing", clients, Some(theirs.quiet), Some(ours.quiet));
        gaps.push(&work, clients, Some(theirs.gap), Some(ours.gap));
        times.push(&work, clients, Some(theirs.time), Some(ours.time));
    }
    let mut kicks = Table::new(
        "stall-kicks",
        "modifyRole of a role that so many who are connected have, until all of them are disconnected.",
        "ms",
    );
    for members in MEMBERS.into_iter().filter(|members| bench.takes(*members)) {
        let mut of_sides = Vec::new();
        for side in Side::BOTH {
            bench.progress(&format!("modifyRole, {members} members, {side:?}"));
            of_sides.push(measure_kicks(bench.plugin(side), &bench.new_path(), members)?);
        }
        let [theirs, ours] = &of_sides[..] else { return Err("there are two sides".into()) };
        let size = Some(members as u64);
        kicks.push(
            "the longest gap between two deliveries to others",
            size,
            Some(theirs.gap),
            Some(ours.gap),
        );
        kicks.push("… without the command", size, Some(theirs.quiet), Some(ours.quiet));
        kicks.push("until the last is disconnected", size, Some(theirs.time), Some(ours.time));
    }
    Ok(vec![gaps, times, kicks])
}

fn measure_kicks(plugin: &Path, folder: &Path, members: usize) -> Result<Seen, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("policy.json"), policy(0).to_string())?;
    let broker = Broker::start(plugin, folder)?;
    let mut admin = Client::connect(broker.port, "admin", "u")?;
    admin.subscribe("$CONTROL/dynamic-security/v1/response")?;
    let connect = |number: usize| Client::connect(broker.port, &format!("member{number}"), "m");
    let mut connected = (0..members).map(connect).collect::<io::Result<Vec<_>>>()?;
    let stream = Stream::start(&broker)?;
    thread::sleep(Duration::from_secs(2));
    let quiet = stream.longest_gap();
    let start = Instant::now();
    let command = json!({"command": "modifyRole", "rolename": "members", "acls": []});
    admin.publish(CONTROL, json!({ "commands": [command] }).to_string().as_bytes())?;
    admin.message()?;
    for member in &mut connected {
        // However the connection ends.
        while member.packet().is_ok() {}
    }
    let time = start.elapsed().as_secs_f64() * 1e3;
    let gap = stream.longest_gap();
    stream.end()?;
    Ok(Seen { quiet, gap, time })
}

/// Milliseconds.
struct Seen {
    /// The longest gap without commands: what the machine itself does.
    quiet: f64,
    gap: f64,
    time: f64,
}

fn measure(plugin: &Path, folder: &Path, size: usize, commands: usize) -> Result<Seen, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("policy.json"), policy(size).to_string())?;
    let broker = Broker::start(plugin, folder)?;
    let mut admin = Client::connect(broker.port, "admin", "u")?;
    admin.subscribe("$CONTROL/dynamic-security/v1/response")?;
    let stream = Stream::start(&broker)?;
    thread::sleep(Duration::from_secs(2));
    let quiet = stream.longest_gap();
    let start = Instant::now();
    for number in 0..commands {
        let command =
            json!({"command": "createClient", "username": format!("new{number}"), "password": "secret"});
        admin.publish(CONTROL, json!({ "commands": [command] }).to_string().as_bytes())?;
    }
    for _ in 0..commands {
        let answer: Value = serde_json::from_slice(&admin.message()?)?;
        if answer["responses"][0].get("error").is_some() {
            return Err(answer.to_string().into());
        }
    }
    let time = start.elapsed().as_secs_f64() * 1e3;
    let gap = stream.longest_gap();
    stream.end()?;
    Ok(Seen { quiet, gap, time })
}

fn policy(size: usize) -> Value {
    let acls: Vec<Value> = [
        ("publishClientSend", "$CONTROL/dynamic-security/#"),
        ("publishClientSend", "#"),
        ("publishClientReceive", "$CONTROL/dynamic-security/#"),
        ("publishClientReceive", "#"),
        ("subscribePattern", "#"),
        ("subscribePattern", "$CONTROL/dynamic-security/#"),
    ]
    .iter()
    .map(|(acltype, topic)| json!({"acltype": acltype, "topic": topic, "allow": true}))
    .collect();
    let client = |name: String, roles: Value| json!({"username": name, "password": HASH, "salt": SALT, "iterations": 101, "roles": roles});
    let mut clients = vec![
        client("u".into(), json!([{"rolename": "r"}])),
        client("m".into(), json!([{"rolename": "members"}])),
    ];
    // Without roles: for the C plugin, loading so many holders of one takes minutes.
    clients.extend((0..size).map(|number| client(format!("client{number:06}"), json!([]))));
    json!({"clients": clients, "groups": [], "roles": [{"rolename": "r", "acls": acls}, {"rolename": "members", "acls": []}]})
}

/// A publisher of 1 kHz and its subscriber.
struct Stream {
    ended: Arc<AtomicBool>,
    longest: Arc<std::sync::Mutex<Duration>>,
    threads: Vec<thread::JoinHandle<io::Result<()>>>,
}

impl Stream {
    fn start(broker: &Broker) -> io::Result<Self> {
        let mut publisher = Client::connect(broker.port, "publisher", "u")?;
        let mut subscriber = Client::connect(broker.port, "subscriber", "u")?;
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
    fn longest_gap(&self) -> f64 {
        self.longest.lock().map_or(f64::NAN, |mut longest| std::mem::take(&mut *longest).as_secs_f64() * 1e3)
    }

    fn end(self) -> Result<(), Box<dyn Error>> {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    }
}

/// A broker that runs. It ends when this is dropped.
struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    fn start(plugin: &Path, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = format!(
            "listener {port} 127.0.0.1\nuser root\nlog_dest none\nallow_anonymous false\nmax_queued_messages 0\n\
             plugin {}\nplugin_opt_config_file {}\n",
            plugin.display(),
            folder.join("policy.json").display()
        );
        fs::write(folder.join("mosquitto.conf"), config)?;
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(folder.join("mosquitto.conf"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let broker = Self { child, port };
        for _ in 0..3000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(broker);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("the broker does not answer".into())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client, as far as MQTT 3.1.1 is needed here: QoS 0.
struct Client(TcpStream);

impl Client {
    fn connect(port: u16, clientid: &str, username: &str) -> io::Result<Self> {
        let mut client = Self(TcpStream::connect(("127.0.0.1", port))?);
        client.0.set_nodelay(true)?;
        client.0.set_read_timeout(Some(Duration::from_secs(100)))?;
        let mut body = [&string("MQTT")[..], &[4, 0xc2, 0, 0]].concat();
        for text in [clientid, username, "pw"] {
            body.extend(string(text));
        }
        client.send(0x10, &body)?;
        match client.packet()? {
            (0x20, answer) if answer == [0, 0] => Ok(client),
            (_, answer) => Err(io::Error::other(format!("refused: {answer:?}"))),
        }
    }

    fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        self.send(0x82, &[&[0, 1][..], &string(topic), &[0]].concat())?;
        match self.packet()? {
            (0x90, answer) if answer == [0, 1, 0] => Ok(()),
            (_, answer) => Err(io::Error::other(format!("refused: {answer:?}"))),
        }
    }

    fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<()> {
        self.send(0x30, &[&string(topic)[..], payload].concat())
    }

    /// The next message's payload.
    fn message(&mut self) -> io::Result<Vec<u8>> {
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

    fn packet(&mut self) -> io::Result<(u8, Vec<u8>)> {
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
