//! MQTT 5.0 written and read by hand, over any stream of bytes: a pile of requests goes out at once, and thousands
//! of decisions take as long as a few round trips.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::patience;

/// How many requests are on their way at once: so few that neither side has to wait for the other to read.
const AT_ONCE: usize = 100;

/// What is asked of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// At level 1, without a payload.
    Publish(String),
    /// At level 0.
    Subscribe(String),
    Unsubscribe(String),
}

/// A CONNECT. The session ends with the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hello<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) login: Option<(&'a str, &'a str)>,
    /// Topic of a will that says `gone`.
    pub(crate) will: Option<&'a str>,
}

impl Hello<'_> {
    /// MQTT 5.0 §3.1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut flags = 0x02;
        let mut payload = field(self.client_id.as_bytes());
        if let Some(topic) = self.will {
            flags |= 0x04;
            payload.push(0);
            payload.extend(field(topic.as_bytes()));
            payload.extend(field(b"gone"));
        }
        if let Some((username, password)) = self.login {
            flags |= 0xc0;
            payload.extend(field(username.as_bytes()));
            payload.extend(field(password.as_bytes()));
        }
        let mut body = field(b"MQTT");
        body.extend([5, flags, 0, 60, 0]);
        body.extend(payload);
        packet(0x10, &body)
    }
}

/// A connected client.
pub(crate) struct Wire<S> {
    stream: S,
    messages: Vec<String>,
}

/// Opens a connection to a broker here.
pub(crate) fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the broker listens");
    stream.set_read_timeout(Some(patience())).expect("a timeout can be set");
    stream.set_nodelay(true).expect("small packets can be sent at once");
    stream
}

impl<S: Read + Write> Wire<S> {
    /// Connects; where it is refused, the code if there was a CONNACK.
    pub(crate) fn connect(stream: S, hello: &Hello<'_>) -> Result<Self, Option<u8>> {
        let mut wire = Self { stream, messages: Vec::new() };
        wire.write(&hello.bytes());
        match wire.read_packet() {
            Some((0x20, body)) if body[1] == 0 => Ok(wire),
            Some((0x20, body)) => Err(Some(body[1])),
            Some(other) => panic!("no CONNACK but {other:x?}"),
            None => Err(None),
        }
    }

    /// Asks for all; the code of each answer, in the order of the requests.
    pub(crate) fn ask(&mut self, requests: &[Ask]) -> Vec<u8> {
        requests.chunks(AT_ONCE).flat_map(|requests| self.ask_at_once(requests)).collect()
    }

    fn ask_at_once(&mut self, requests: &[Ask]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (request, id) in requests.iter().zip(1_u16..) {
            bytes.extend(request.packet(id));
        }
        self.write(&bytes);
        let mut codes = vec![None; requests.len()];
        while codes.contains(&None) {
            let (kind, body) = self.read_packet().expect("the connection stays");
            let after_id = body.get(2..).unwrap_or_default();
            let code = match kind {
                0x40 => after_id.first().copied().unwrap_or(0),
                0x90 | 0xb0 => {
                    let (properties, rest) = number(after_id);
                    rest[properties]
                }
                _ => {
                    self.keep(kind, &body);
                    continue;
                }
            };
            let id = usize::from(u16::from_be_bytes([body[0], body[1]]));
            codes[id - 1] = Some(code);
        }
        codes.into_iter().flatten().collect()
    }

    /// Publishes at level 1; the code of the answer, if there was one before the connection ended.
    pub(crate) fn try_publish(&mut self, topic: &str) -> Option<u8> {
        // Where the connection has ended already, reading shows it.
        let _ = self.stream.write_all(&Ask::Publish(topic.to_owned()).packet(1));
        let _ = self.stream.flush();
        loop {
            match self.read_packet()? {
                (0x40, body) => return Some(body.get(2).copied().unwrap_or(0)),
                (0xe0, _) => {}
                (kind, body) => self.keep(kind, &body),
            }
        }
    }

    /// The topics of the messages that the broker had for this client by now.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        self.write(&[0xc0, 0]);
        loop {
            match self.read_packet() {
                Some((0xd0, _)) => return std::mem::take(&mut self.messages),
                Some((kind, body)) => self.keep(kind, &body),
                None => panic!("disconnected"),
            }
        }
    }

    /// Ends the connection in order, and waits until the broker has done so too.
    pub(crate) fn leave(mut self) {
        self.write(&[0xe0, 0]);
        self.disconnected();
    }

    /// Waits for the end of the connection; the reason code that the broker's DISCONNECT gave, if there was one.
    pub(crate) fn disconnected(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some((kind, body)) = self.read_packet() {
            if kind == 0xe0 {
                code = Some(body.first().copied().unwrap_or(0));
            }
        }
        code
    }

    fn keep(&mut self, kind: u8, body: &[u8]) {
        assert_eq!(kind & 0xf6, 0x30, "neither an answer nor a message at level 0: {kind:x} {body:x?}");
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        self.messages.push(String::from_utf8_lossy(&body[2..][..length]).into_owned());
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the broker reads");
        self.stream.flush().expect("the broker reads");
    }

    /// The next packet; nothing if the broker has closed the connection.
    fn read_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let kind = self.read_byte()?;
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.read_byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some((kind, body))
    }

    fn read_byte(&mut self) -> Option<u8> {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        let mut byte = [0];
        match self.stream.read_exact(&mut byte) {
            Ok(()) => Some(byte[0]),
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut) => panic!("gave up waiting"),
            Err(_) => None,
        }
    }
}

impl Ask {
    fn packet(&self, id: u16) -> Vec<u8> {
        let id = id.to_be_bytes();
        let no_properties = [0];
        match self {
            Self::Publish(topic) => {
                packet(0x32, &[&field(topic.as_bytes())[..], &id, &no_properties].concat())
            }
            Self::Subscribe(filter) => {
                packet(0x82, &[&id[..], &no_properties, &field(filter.as_bytes()), &[0]].concat())
            }
            Self::Unsubscribe(filter) => {
                packet(0xa2, &[&id[..], &no_properties, &field(filter.as_bytes())].concat())
            }
        }
    }
}

/// MQTT 5.0 §2.1.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(u8::try_from(length & 0x7f | 0x80).expect("seven bits and one"));
        length >>= 7;
    }
    packet.push(u8::try_from(length).expect("seven bits"));
    packet.extend(body);
    packet
}

/// A variable byte integer (MQTT 5.0 §1.5.5) and what follows it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let end = bytes.iter().position(|byte| *byte < 0x80).expect("an integer ends");
    let digits = bytes[..=end].iter().rev();
    (digits.fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f)), &bytes[end + 1..])
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short field");
    [&length.to_be_bytes()[..], bytes].concat()
}
