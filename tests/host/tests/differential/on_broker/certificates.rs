//! Certificates for the clients of [`FLEET`] that have a username, by which a broker knows who they are: it asks no plugin
//! about their logins then.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::generate::FLEET;
use crate::stream::Stream;

/// How clients come to a broker.
#[derive(Clone, Debug)]
pub struct Doors {
    pub port: u16,
    /// Where they come in by a certificate, if there is such a door.
    pub by_certificate: Option<CertificateDoor>,
}

#[derive(Clone, Debug)]
pub struct CertificateDoor {
    pub port: u16,
    /// Where the certificates are.
    pub folder: PathBuf,
}

impl Doors {
    /// The certificate of a username, if that is how it comes in.
    fn certificate_of(&self, username: Option<&str>) -> Option<(&CertificateDoor, PathBuf)> {
        let door = self.by_certificate.as_ref()?;
        let username = username?;
        made().of.contains_key(username).then(|| (door, door.folder.join(file_of(username))))
    }

    /// Whether somebody of that username comes in by a certificate.
    pub fn are_by_certificate(&self, username: Option<&str>) -> bool {
        self.certificate_of(username).is_some()
    }

    /// The way in for somebody of that username.
    pub fn enter(&self, username: Option<&str>) -> io::Result<Stream> {
        match self.certificate_of(username) {
            Some((door, identity)) => {
                Stream::with_certificate(door.port, &door.folder.join(AUTHORITY), &identity)
            }
            None => Stream::plain(self.port),
        }
    }
}

/// The lines of a broker's configuration for such a door; `inside` is its folder as the broker sees it.
pub fn configuration(port: u16, inside: &str) -> String {
    format!(
        "listener {port} 127.0.0.1\ncafile {inside}/{AUTHORITY}\ncertfile {inside}/{SERVER}\n\
         keyfile {inside}/{SERVER}\nrequire_certificate true\nuse_identity_as_username true\n"
    )
}

/// Puts into a folder what brokers and clients need.
pub fn lay_out(folder: &Path) {
    let Made { authority, server, of } = made();
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("the test's directory is writable");
    };
    write(AUTHORITY, authority);
    write(SERVER, server);
    for (username, identity) in of {
        write(&file_of(username), identity);
    }
}

const AUTHORITY: &str = "authority.pem";
const SERVER: &str = "server.pem";

/// Names may have any characters.
fn file_of(username: &str) -> String {
    format!("client-{}.pem", URL_SAFE_NO_PAD.encode(username))
}

/// Certificates; each of those that are somebody's with its key.
struct Made {
    authority: String,
    server: String,
    of: BTreeMap<&'static str, String>,
}

/// They are made once.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let folder = folder.path();
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("openssl has made it");
        let new = "req -utf8 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj";
        let end = "-x509 -days 2 -keyout authority.key -out authority.pem";
        openssl(folder, new, "/CN=authority", end);
        let identity = |name: &str| {
            openssl(folder, new, &format!("/CN={}", escaped(name)), "-keyout key -out request");
            openssl(folder, "x509 -req -in request -days 2 -CAcreateserial -CA", "authority.pem", SIGNED);
            read("certificate") + &read("key")
        };
        let usernames = FLEET.into_iter().filter_map(|(_, username)| username);
        Made {
            authority: read("authority.pem"),
            server: identity("localhost"),
            of: usernames.map(|username| (username, identity(username))).collect(),
        }
    })
}

const SIGNED: &str = "-CAkey authority.key -out certificate";

/// A name as the subject of a certificate has it.
fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|character| {
            matches!(character, '/' | '+' | '\\').then_some('\\').into_iter().chain([character])
        })
        .collect()
}

/// Runs it with `one` argument that may have spaces between those that have none.
fn openssl(folder: &Path, before: &str, one: &str, after: &str) {
    let arguments = before.split(' ').chain([one]).chain(after.split(' '));
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("openssl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {before} {one} {after}: {said}");
}
