//! A WebSocket that carries MQTT (RFC 6455, MQTT 5.0 §6): no more of it than a broker and a test need.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

use crate::wire::dial;

const REQUEST: &str = "\
GET /mqtt HTTP/1.1\r
Host: 127.0.0.1\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Protocol: mqtt\r
\r
";
/// What that key is answered (RFC 6455 §1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;
/// Instead of a short length: two bytes of length follow.
const LONGER: u8 = 0x7e;
/// That the mask changes nothing is no matter here.
const MASK: [u8; 4] = [0; 4];

/// The stream of bytes in its binary frames.
pub(crate) struct WebSocket {
    stream: TcpStream,
    /// Of the frame that came last.
    unread: Vec<u8>,
}

impl WebSocket {
    /// Opens a connection to a listener with `protocol websockets`.
    pub(crate) fn dial(port: u16) -> Self {
        let mut stream = dial(port);
        stream.write_all(REQUEST.as_bytes()).expect("the broker reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the broker answers");
            answer.extend(byte);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains(ACCEPT), "{answer}");
        Self { stream, unread: Vec::new() }
    }

    /// Reads a frame; false at the end of the connection.
    fn read_frame(&mut self) -> Result<bool> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        let length = match head[1] {
            LONGER => u64::from(u16::from_be_bytes(self.read_array()?)),
            0x7f => u64::from_be_bytes(self.read_array()?),
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).map_err(|_| ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut payload)?;
        match head[0] {
            BINARY => self.unread = payload,
            CLOSE => return Ok(false),
            other => return Err(Error::other(format!("a frame that begins with {other:x}"))),
        }
        Ok(true)
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for WebSocket {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.unread.is_empty() && !buffer.is_empty() {
            if !self.read_frame()? {
                return Ok(0);
            }
        }
        let length = self.unread.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.unread[..length]);
        self.unread.drain(..length);
        Ok(length)
    }
}

impl Write for WebSocket {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let length = u16::try_from(bytes.len().min(1000)).expect("no more than that");
        let bytes = &bytes[..usize::from(length)];
        let mut frame = vec![BINARY];
        match u8::try_from(length) {
            Ok(short) if short < LONGER => frame.push(MASKED | short),
            _ => {
                frame.push(MASKED | LONGER);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(bytes);
        self.stream.write_all(&frame)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}
