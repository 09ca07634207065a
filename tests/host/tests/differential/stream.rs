//! What a client's connection goes through: TCP, or TLS over it, with a certificate.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_secs(20);

pub enum Stream {
    Plain(TcpStream),
    /// `openssl s_client` makes the connection, and `pipe` is its input and output.
    Encrypted {
        pipe: UnixStream,
        client: Child,
    },
}

impl Stream {
    /// To a listener that asks for no certificate.
    pub fn plain(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self::Plain(stream))
    }

    /// To a listener that wants a certificate: that in the file `identity`, with its key.
    pub fn with_certificate(port: u16, authority: &Path, identity: &Path) -> io::Result<Self> {
        // A socket, since reading from a pipe would have no timeout.
        let (pipe, theirs) = UnixStream::pair()?;
        pipe.set_read_timeout(Some(PATIENCE))?;
        let client = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-verify_quiet",
                "-connect",
                &format!("127.0.0.1:{port}"),
                "-CAfile",
            ])
            .arg(authority)
            .arg("-cert")
            .arg(identity)
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        Ok(Self::Encrypted { pipe, client })
    }

    /// Whether what was written may still be on its way to the broker's socket.
    pub fn is_relayed(&self) -> bool {
        matches!(self, Self::Encrypted { .. })
    }

    /// Ends the connection without a word.
    pub fn break_off(self) {
        if let Self::Plain(stream) = &self {
            // It fails only if it is broken already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Self::Encrypted { client, .. } = self {
            // Both fail only if it has ended already.
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Encrypted { pipe, .. } => pipe.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Encrypted { pipe, .. } => pipe.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
