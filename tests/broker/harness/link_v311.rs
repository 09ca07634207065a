//! MQTT 3.1.1 by `rumqttc`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use rumqttc::{
    Client, ConnectReturnCode, Connection, ConnectionError, Event, LastWill, MqttOptions, Packet, QoS,
    SubscribeFilter, SubscribeReasonCode,
};

use super::packet::{self, Connect, Link, Message, Request};

/// Larger than any packet here.
const LARGEST: usize = 64 * 1024 * 1024;

struct V311(Client);

/// Connects; what happens then arrives as events.
pub(crate) fn open(
    connect: &Connect,
    events: Sender<packet::Event>,
    vanish: Arc<AtomicBool>,
) -> (Box<dyn Link + Send>, JoinHandle<()>) {
    let mut options = MqttOptions::new(&connect.client_id, "127.0.0.1", connect.port);
    options.set_clean_session(!connect.durable);
    options.set_max_packet_size(LARGEST, LARGEST);
    if let Some((username, password)) = &connect.login {
        options.set_credentials(username, password);
    }
    if let Some(will) = &connect.will {
        let payload = will.payload.clone();
        options.set_last_will(LastWill::new(&will.topic, payload, QoS::AtLeastOnce, will.retain));
    }
    let (client, connection) = Client::new(options, 1000);
    let thread = std::thread::spawn(move || serve(connection, &events, &vanish));
    (Box::new(V311(client)), thread)
}

impl Link for V311 {
    fn send(&self, request: Request) {
        // An error says that the connection is over, which is an event of its own.
        drop(match request {
            Request::Subscribe(filters) => self.0.subscribe_many(
                filters.into_iter().map(|(filter, qos)| SubscribeFilter::new(filter, level(qos))),
            ),
            Request::Unsubscribe(filter) => self.0.unsubscribe(filter),
            Request::Publish { topic, payload, qos, retain } => {
                self.0.publish(topic, level(qos), retain, payload)
            }
            Request::Disconnect => self.0.disconnect(),
        });
    }
}

fn serve(mut connection: Connection, events: &Sender<packet::Event>, vanish: &AtomicBool) {
    let mut connected = false;
    let send = |event| drop(events.send(event));
    loop {
        match connection.recv() {
            Ok(Ok(Event::Incoming(packet))) => {
                connected |= matches!(packet, Packet::ConnAck(_));
                translate(packet).into_iter().for_each(send);
            }
            // A DISCONNECT of ours is no end yet: the broker closes the connection when it has read it.
            Err(_) => break,
            Ok(Ok(Event::Outgoing(_))) if vanish.load(Ordering::Relaxed) => break,
            Ok(Ok(Event::Outgoing(_))) => {}
            Ok(Err(error)) => {
                // What came in the same read as the end is still to be told.
                for event in connection.eventloop.state.events.drain(..) {
                    if let Event::Incoming(packet) = event {
                        translate(packet).into_iter().for_each(send);
                    }
                }
                send(match error {
                    ConnectionError::ConnectionRefused(code) => {
                        packet::Event::Refused(Some(connack_code(code)))
                    }
                    _ if connected => packet::Event::Closed,
                    _ => packet::Event::Refused(None),
                });
                break;
            }
        }
    }
}

fn translate(packet: Packet) -> Option<packet::Event> {
    Some(match packet {
        Packet::ConnAck(connack) => packet::Event::Connected { session_present: connack.session_present },
        Packet::SubAck(suback) => packet::Event::Suback(
            suback
                .return_codes
                .iter()
                .map(|code| match code {
                    SubscribeReasonCode::Success(qos) => *qos as u8,
                    SubscribeReasonCode::Failure => packet::FAILURE_V311,
                })
                .collect(),
        ),
        Packet::UnsubAck(_) => packet::Event::Unsuback(Vec::new()),
        Packet::PubAck(_) => packet::Event::Puback(0),
        Packet::PubRec(_) => packet::Event::Pubrec(0),
        Packet::PubComp(_) => packet::Event::Pubcomp(0),
        Packet::Publish(publish) => packet::Event::Message(Message {
            topic: publish.topic,
            payload: publish.payload.to_vec(),
            qos: publish.qos as u8,
            retain: publish.retain,
            dup: publish.dup,
            properties: false,
        }),
        _ => return None,
    })
}

fn level(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

fn connack_code(code: ConnectReturnCode) -> u8 {
    match code {
        ConnectReturnCode::Success => 0,
        ConnectReturnCode::RefusedProtocolVersion => 1,
        ConnectReturnCode::BadClientId => 2,
        ConnectReturnCode::ServiceUnavailable => 3,
        ConnectReturnCode::BadUserNamePassword => 4,
        ConnectReturnCode::NotAuthorized => packet::REFUSED_V311,
    }
}
