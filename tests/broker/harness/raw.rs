//! What the client library does not send or does not show: an empty username, an empty password, odd bytes,
//! and the reason code of a DISCONNECT.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::packet::Protocol;
use super::patience;

/// A CONNECT packet, byte for byte. The session ends with the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawConnect<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) client_id: &'a [u8],
    pub(crate) username: Option<&'a [u8]>,
    pub(crate) password: Option<&'a [u8]>,
}

impl RawConnect<'_> {
    /// Sends it to a broker; the code of the CONNACK, or nothing if the broker just closed.
    pub(crate) fn answer(&self, port: u16) -> Option<u8> {
        self.open(port).1
    }

    /// The same, with the connection.
    pub(crate) fn open(&self, port: u16) -> (RawClient, Option<u8>) {
        let mut client = RawClient::dial(port);
        let code = client.connect(self);
        (client, code)
    }

    /// MQTT 3.1.1 §3.1 and MQTT 5.0 §3.1.
    fn bytes(&self) -> Vec<u8> {
        let (level, properties): (u8, &[u8]) = match self.protocol {
            Protocol::V311 => (4, &[]),
            Protocol::V5 => (5, &[0]),
        };
        let mut flags = 0x02;
        let mut payload = field(self.client_id);
        if let Some(username) = self.username {
            flags |= 0x80;
            payload.extend(field(username));
        }
        if let Some(password) = self.password {
            flags |= 0x40;
            payload.extend(field(password));
        }
        let mut body = field(b"MQTT");
        body.extend([level, flags, 0, 60]);
        body.extend(properties);
        body.extend(payload);
        let length = u8::try_from(body.len()).expect("a short packet");
        assert!(length < 0x80, "a longer packet needs a longer length");
        let mut packet = vec![0x10, length];
        packet.extend(body);
        packet
    }
}

/// A connection of which the packets are read as they are.
#[derive(Debug)]
pub(crate) struct RawClient(TcpStream);

impl RawClient {
    /// Opens a connection and says nothing yet.
    pub(crate) fn dial(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
        stream.set_read_timeout(Some(patience())).expect("a timeout can be set");
        Self(stream)
    }

    /// Sends a CONNECT; the code of the CONNACK, or nothing if the broker has closed or closes.
    pub(crate) fn connect(&mut self, connect: &RawConnect) -> Option<u8> {
        self.0.write_all(&connect.bytes()).ok()?;
        let (kind, body) = self.next_packet()?;
        assert_eq!(kind, 0x20, "no CONNACK but {body:x?}");
        Some(body[1])
    }

    /// The next packet: its first byte and its body. Nothing when the broker has closed the connection.
    pub(crate) fn next_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.read(2)?;
        assert!(head[1] < 0x80, "a short packet was expected: {head:x?}");
        let body = self.read(usize::from(head[1]))?;
        Some((head[0], body))
    }

    fn read(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        match self.0.read_exact(&mut bytes) {
            Ok(()) => Some(bytes),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("gave up waiting for a packet or the end")
            }
            Err(_) => None,
        }
    }

    /// Waits for the end of the connection; the reason code that the broker's DISCONNECT gave, if there was one.
    pub(crate) fn disconnected(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some((kind, body)) = self.next_packet() {
            if kind == 0xe0 {
                code = Some(body.first().copied().unwrap_or(0));
            }
        }
        code
    }
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short field");
    let mut field = length.to_be_bytes().to_vec();
    field.extend(bytes);
    field
}
