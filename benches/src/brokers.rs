//! Whole brokers: how many messages they pass on, and what one takes them, with no plugin, ours and theirs.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::real;
use crate::table::Table;
use crate::worker::median;

/// So many publishers, each with a subscriber of its own.
const PAIRS: usize = 50;
/// How many messages of each pair are under way: no queue overflows, and the broker has always something to do.
const WINDOW: usize = 20;
const WINDOWS: usize = 100;
const ACLS: [usize; 2] = [10, 1_000];
const TURNS: usize = 3;

const HASH: &str = "AD2vun4aBIwrHAa2zR+Dc6g2vpH9gHqBNcg1WMMVwznj1F5stV9cHLHSpHuzF6RbiYlVCot2cN4d97/x3iV4Bg==";
const SALT: &str = "c2FsdCBvZiAxMiBi";
const PASSWORD: &str = "p";

/// A broker of some version: where it is, and where its C plugin is in there.
struct Version {
    name: &'static str,
    /// A system of its own, made by `scripts/chroots.sh`.
    root: Option<PathBuf>,
    theirs: &'static str,
}

fn versions() -> Vec<Version> {
    let chroots = std::env::var_os("DYNSEC_CHROOTS").map_or(PathBuf::from("target/chroots"), PathBuf::from);
    let forky = chroots.join("forky");
    let mut versions = vec![Version {
        name: "2.0.11",
        root: None,
        theirs: "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so",
    }];
    if forky.join("usr/sbin/mosquitto").exists() {
        versions.push(Version {
            name: "2.1.2",
            root: Some(forky),
            theirs: "/usr/lib/x86_64-linux-gnu/mosquitto/mosquitto_dynamic_security.so",
        });
    } else {
        println!("2.1.2 is left out: make its system with scripts/chroots.sh forky, as root");
    }
    versions
}

/// A topic that only the `index`-th ACL matches.
fn topic(index: usize, pair: usize) -> String {
    format!("site/{index}/line/cell-{pair}/device/state")
}

fn filter(index: usize) -> String {
    format!("site/{index}/line/+/device/state")
}

/// A policy with one client and one role, with so many ACLs of each type.
fn policy(acls: usize) -> String {
    let of_type = |acltype: &'static str| {
        (0..acls).map(move |index| json!({"acltype": acltype, "topic": filter(index), "allow": true}))
    };
    let types = ["publishClientSend", "publishClientReceive", "subscribePattern"];
    json!({
        "defaultACLAccess": {
            "publishClientSend": false, "publishClientReceive": false, "subscribe": false, "unsubscribe": true,
        },
        "clients": [{
            "username": "u", "password": HASH, "salt": SALT, "iterations": 101, "roles": [{"rolename": "r"}],
        }],
        "groups": [],
        "roles": [{"rolename": "r", "acls": types.into_iter().flat_map(of_type).collect::<Vec<Value>>()}],
    })
    .to_string()
}

/// A broker that runs. It ends when this is dropped.
struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    fn start(
        version: &Version,
        folder: &Path,
        inside: &Path,
        plugin: Option<&Path>,
    ) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut config = format!("listener {port} 127.0.0.1\nuser root\nlog_dest none\n");
        match plugin {
            None => config.push_str("allow_anonymous true\n"),
            Some(plugin) => {
                let policy = inside.join("policy.json");
                config = format!(
                    "{config}allow_anonymous false\nplugin {}\nplugin_opt_config_file {}\n",
                    plugin.display(),
                    policy.display()
                );
            }
        }
        fs::write(folder.join("mosquitto.conf"), config)?;
        let child = real::spawn(version.root.as_deref(), &inside.join("mosquitto.conf"))?;
        let broker = Self { child, port };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(broker);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(format!("the broker {} does not answer", version.name).into())
    }

    /// Seconds that the processor has worked for it (proc(5)).
    fn processor(&self) -> Result<f64, Box<dyn Error>> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).ok_or("stat");
        // A hundred to the second, on every Linux.
        Ok((field(11)? + field(12)?) / 100.0)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client, as far as MQTT 3.1.1 is needed here: QoS 0, and packets of less than 128 bytes.
struct Client(TcpStream);

impl Client {
    fn connect(port: u16, clientid: &str, named: bool) -> io::Result<Self> {
        let mut client = Self(TcpStream::connect(("127.0.0.1", port))?);
        client.0.set_nodelay(true)?;
        client.0.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut body = [&string("MQTT")[..], &[4, if named { 0xc2 } else { 2 }, 0, 60]].concat();
        body.extend(string(clientid));
        if named {
            body.extend(string("u"));
            body.extend(string(PASSWORD));
        }
        client.send(0x10, &body)?;
        client.expect(&[0x20, 2, 0, 0])?;
        Ok(client)
    }

    fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        self.send(0x82, &[&[0, 1][..], &string(topic), &[0]].concat())?;
        self.expect(&[0x90, 3, 0, 1, 0])
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        self.0.write_all(&packet(kind, body))
    }

    fn expect(&mut self, expected: &[u8]) -> io::Result<()> {
        let mut found = vec![0; expected.len()];
        self.0.read_exact(&mut found)?;
        if found == expected { Ok(()) } else { Err(io::Error::other(format!("refused: {found:?}"))) }
    }
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, body.len() as u8][..], body].concat()
}

/// A publisher and a subscriber: sends some, waits until they have come, and so on.
fn exchange(mut publisher: Client, mut subscriber: Client, topic: &str, windows: usize) -> io::Result<()> {
    let message = packet(0x30, &[&string(topic)[..], b"21.5"].concat());
    let window = message.repeat(WINDOW);
    let mut received = vec![0; window.len()];
    for _ in 0..windows {
        publisher.0.write_all(&window)?;
        subscriber.0.read_exact(&mut received)?;
    }
    Ok(())
}

/// Messages in a second, and microseconds of the broker's processor for each.
fn run(broker: &Broker, acls: usize, named: bool) -> Result<(f64, f64), Box<dyn Error>> {
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        // The last ones: where a list is gone through, that is what most clients meet.
        let topic = topic(acls - 1 - pair % acls.min(PAIRS), pair);
        let publisher = Client::connect(broker.port, &format!("p{pair}"), named)?;
        let subscriber = Client::connect(broker.port, &format!("s{pair}"), named)?;
        pairs.push((publisher, subscriber, topic));
    }
    for (_, subscriber, topic) in &mut pairs {
        subscriber.subscribe(topic)?;
    }
    let before = broker.processor()?;
    let start = Instant::now();
    let threads: Vec<_> = pairs
        .into_iter()
        .map(|(publisher, subscriber, topic)| {
            thread::spawn(move || exchange(publisher, subscriber, &topic, WINDOWS))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a client panicked")??;
    }
    let took = start.elapsed().as_secs_f64();
    let processor = broker.processor()? - before;
    let messages = (PAIRS * WINDOW * WINDOWS) as f64;
    Ok((messages / took, processor * 1e6 / messages))
}

/// All of this suite.
pub fn measure(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut rates = Table::new(
        "broker-rates",
        "Messages from 50 publishers, each to a subscriber of its own: in a second.",
        "messages/s",
    )
    .with("no plugin");
    let mut costs =
        Table::new("broker-costs", "The broker's processor for each message.", "µs").with("no plugin");
    for version in versions() {
        let outside = match &version.root {
            None => bench.new_path(),
            Some(root) => root.join("tmp").join(format!("dynsec-bench-{}", std::process::id())),
        };
        fs::create_dir_all(&outside)?;
        let inside = match &version.root {
            None => outside.clone(),
            Some(root) => Path::new("/").join(outside.strip_prefix(root)?),
        };
        fs::copy(bench.plugin(Side::Ours), outside.join("ours.so"))?;
        let ours = inside.join("ours.so");
        for acls in ACLS {
            bench.progress(&format!("broker {}, {acls} ACLs", version.name));
            fs::write(outside.join("policy.json"), policy(acls))?;
            let sides = [None, Some(Path::new(version.theirs)), Some(&*ours)];
            let mut all: [(Vec<f64>, Vec<f64>); 3] = Default::default();
            for _ in 0..TURNS {
                for (plugin, all) in sides.iter().zip(&mut all) {
                    let broker = Broker::start(&version, &outside, &inside, *plugin)?;
                    let (rate, cost) = run(&broker, acls, plugin.is_some())?;
                    all.0.push(rate);
                    all.1.push(cost);
                }
            }
            let [none, theirs, ours] =
                all.map(|(mut rates, mut costs)| (median(&mut rates), median(&mut costs)));
            let size = Some(acls as u64);
            let work = format!("Mosquitto {}", version.name);
            rates.push_with(none.0, &work, size, Some([theirs.0, ours.0]));
            costs.push_with(none.1, &work, size, Some([theirs.1, ours.1]));
        }
        fs::remove_dir_all(&outside)?;
    }
    Ok(vec![rates, costs])
}
