//! A client of a real broker, MQTT 5.0 or 3.1.1: what it sends is what it was told, byte for byte, and what comes is
//! kept. It reads only when it waits, so that a case is one thread.

use std::io::{self, Read, Write};

use plugin_host::Text;

use crate::acts::{Habit, Session, WILL, Will};
use crate::stream::Stream;

const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x60;
const PUBCOMP: u8 = 0x70;
const SUBACK: u8 = 0x90;
const UNSUBACK: u8 = 0xb0;
const PINGRESP: u8 = 0xd0;
const DISCONNECT: u8 = 0xe0;

/// The version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    V311 = 4,
    V5 = 5,
}

/// A message that came: topic, and payload with what else is to be said of it.
pub type Delivered = (Text, Text);

/// Who connects, and how.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    pub clientid: &'a str,
    pub username: Option<&'a str>,
    pub password: Option<&'a str>,
    pub habit: Habit,
}

/// A connection.
pub struct Wire {
    stream: Stream,
    protocol: Protocol,
    packet_id: u16,
    /// What has come and was not taken yet.
    pub inbox: Vec<Delivered>,
    /// Whether it found the session of an earlier connection.
    pub has_session: bool,
}

/// The connection is over; the reason code of the broker's DISCONNECT, if there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over(pub Option<u8>);

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        let silent = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        assert!(!silent, "the broker neither answers nor closes");
        Self(None)
    }
}

impl Wire {
    /// Connects. The code of the CONNACK if that refuses it, or nothing if the broker just closes.
    pub fn connect(stream: io::Result<Stream>, connect: &Connect<'_>) -> Result<Self, Option<u8>> {
        let stream = stream.map_err(|_| None)?;
        let Connect { clientid, username, password, habit } = *connect;
        let protocol = habit.protocol;
        let mut wire = Self { stream, protocol, packet_id: 0, inbox: Vec::new(), has_session: false };
        let is_fresh = habit.session == Session::Nothing || habit.is_fresh && protocol == Protocol::V5;
        let mut flags = if is_fresh { 0x02 } else { 0 };
        let mut payload = field(clientid.as_bytes());
        if let Some(Will { topic, qos, retain, is_delayed }) = habit.will {
            flags |= 0x04 | qos << 3 | u8::from(retain) << 5;
            if is_delayed && protocol == Protocol::V5 {
                payload.extend([5, 0x18, 0, 0, 0, 1]);
            } else {
                wire.properties(&mut payload);
            }
            payload.extend(field(topic.as_bytes()));
            payload.extend(field(format!("{WILL}{clientid}").as_bytes()));
        }
        for (flag, text) in [(0x80, username), (0x40, password)] {
            if let Some(text) = text {
                flags |= flag;
                payload.extend(field(text.as_bytes()));
            }
        }
        let mut body = field(b"MQTT");
        body.extend([protocol as u8, flags, 0, 0]);
        match habit.session {
            Session::Everything if protocol == Protocol::V5 => body.extend([5, 0x11, 0xff, 0xff, 0xff, 0xff]),
            Session::Brief if protocol == Protocol::V5 => body.extend([5, 0x11, 0, 0, 0, 1]),
            _ => wire.properties(&mut body),
        }
        body.extend(payload);
        wire.send(0x10, &body);
        match wire.wait_for(CONNACK) {
            Ok(body) if body[1] == 0 => {
                wire.has_session = body[0] & 1 == 1;
                Ok(wire)
            }
            Ok(body) => Err(Some(body[1])),
            Err(_) => Err(None),
        }
    }

    /// The code of the PUBACK or PUBREC; 0 where there is none.
    pub fn publish(&mut self, topic: &[u8], payload: &[u8], qos: u8, retain: bool) -> Result<u8, Over> {
        let mut body = field(topic);
        if qos > 0 {
            self.next_id(&mut body);
        }
        let id = self.packet_id;
        self.properties(&mut body);
        body.extend(payload);
        self.send(PUBLISH | qos << 1 | u8::from(retain), &body);
        if qos == 0 {
            if self.stream.is_relayed() {
                // What others send would overtake it. Who is disconnected for it is found gone later.
                let _ = self.ping();
            }
            return Ok(0);
        }
        let answer = self.wait_for(if qos == 1 { PUBACK } else { PUBREC })?;
        let code = answer.get(2).copied().unwrap_or(0);
        if qos == 2 && code < 0x80 {
            self.send(PUBREL | 0x02, &id.to_be_bytes());
            self.wait_for(PUBCOMP)?;
        }
        Ok(code)
    }

    /// The codes of the SUBACK.
    pub fn subscribe(&mut self, filters: &[(&[u8], u8)]) -> Result<Vec<u8>, Over> {
        let mut body = self.about_filters();
        for (filter, qos) in filters {
            body.extend(field(filter));
            body.push(*qos);
        }
        self.send(0x82, &body);
        Ok(last(&self.wait_for(SUBACK)?, filters.len()))
    }

    /// The codes of the UNSUBACK, which has none in MQTT 3.1.1.
    pub fn unsubscribe(&mut self, filters: &[&[u8]]) -> Result<Vec<u8>, Over> {
        let mut body = self.about_filters();
        for filter in filters {
            body.extend(field(filter));
        }
        self.send(0xa2, &body);
        let answer = self.wait_for(UNSUBACK)?;
        Ok(if self.protocol == Protocol::V5 { last(&answer, filters.len()) } else { vec![0; filters.len()] })
    }

    /// Waits until the broker has done all that was sent to it; what was to be delivered by then is in the inbox.
    pub fn ping(&mut self) -> Result<(), Over> {
        self.send(0xc0, &[]);
        self.wait_for(PINGRESP).map(|_| ())
    }

    /// Ends the connection in order.
    pub fn disconnect(self) {
        self.end(&[]);
    }

    /// Breaks the connection, at once: a process that another test is just starting may have the socket open too, and keep
    /// it from being closed until it is a program of its own.
    pub fn break_off(self) {
        self.stream.break_off();
    }

    /// Ends the connection and asks for the will, where the protocol can.
    pub fn disconnect_with_will(self) {
        let body: &[u8] = if self.protocol == Protocol::V5 { &[0x04] } else { &[] };
        self.end(body);
    }

    fn end(mut self, body: &[u8]) {
        self.send(DISCONNECT, body);
        let mut rest = [0; 64];
        while self.stream.read(&mut rest).is_ok_and(|count| count > 0) {}
    }

    /// How a packet about filters begins.
    fn about_filters(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        self.next_id(&mut body);
        self.properties(&mut body);
        body
    }

    fn next_id(&mut self, body: &mut Vec<u8>) {
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
        body.extend(self.packet_id.to_be_bytes());
    }

    /// None.
    fn properties(&self, body: &mut Vec<u8>) {
        if self.protocol == Protocol::V5 {
            body.push(0);
        }
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        let mut packet = vec![kind];
        let mut length = body.len();
        loop {
            let low = u8::try_from(length & 0x7f).expect("seven bits");
            length >>= 7;
            packet.push(if length > 0 { low | 0x80 } else { low });
            if length == 0 {
                break;
            }
        }
        packet.extend(body);
        // What the broker said before it closed is still to be read.
        drop(self.stream.write_all(&packet));
    }

    /// Reads until a packet of that kind has come, and keeps the messages before it.
    fn wait_for(&mut self, kind: u8) -> Result<Vec<u8>, Over> {
        loop {
            let (came, body) = self.packet()?;
            match came & 0xf0 {
                PUBLISH => {
                    let message = self.message(came, &body);
                    self.inbox.push(message);
                }
                // Of a message that came with QoS 2.
                PUBREL => self.send(PUBCOMP, body.get(..2).unwrap_or_default()),
                DISCONNECT => return Err(Over(Some(body.first().copied().unwrap_or(0)))),
                other if other == kind => return Ok(body),
                _ => {}
            }
        }
    }

    fn packet(&mut self) -> Result<(u8, Vec<u8>), Over> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        let kind = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.stream.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((kind, body))
    }

    /// What is in a PUBLISH, which is acknowledged where that is asked for. Whether it was retained, and how it was to be
    /// acknowledged, is part of it.
    fn message(&mut self, head: u8, body: &[u8]) -> Delivered {
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let (topic, mut rest) = body[2..].split_at(length);
        let qos = head >> 1 & 3;
        if qos > 0 {
            let (id, after) = rest.split_at(2);
            self.send(if qos == 1 { PUBACK } else { PUBREC }, id);
            rest = after;
        }
        if self.protocol == Protocol::V5 {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        let retained: &[u8] = if head & 1 == 1 { b" (retained)" } else { b"" };
        let acknowledged: &[u8] = [&b""[..], b" (QoS 1)", b" (QoS 2)"][usize::from(qos)];
        (Text::from(topic), Text::from(&[rest, retained, acknowledged].concat()))
    }
}

/// The last bytes of a packet; fewer if it has not as many.
fn last(body: &[u8], count: usize) -> Vec<u8> {
    body[body.len().saturating_sub(count)..].to_vec()
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a field of MQTT is not that long");
    [&length.to_be_bytes(), bytes].concat()
}
