//! MQTT 5.0 by `rumqttc`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, ConnectReturnCode, Filter, LastWill, Packet, PubAckReason, PubRecReason,
    SubscribeReasonCode, UnsubAckReason,
};
use rumqttc::v5::{Client, Connection, ConnectionError, Event, MqttOptions};

use super::packet::{self, Connect, Link, Message, Request};

/// Larger than any packet here.
const LARGEST: u32 = 64 * 1024 * 1024;

struct V5(Client);

/// Connects; what happens then arrives as events.
pub(crate) fn open(
    connect: &Connect,
    events: Sender<packet::Event>,
    vanish: Arc<AtomicBool>,
) -> (Box<dyn Link + Send>, JoinHandle<()>) {
    let mut options = MqttOptions::new(&connect.client_id, "127.0.0.1", connect.port);
    options.set_clean_start(!connect.durable);
    options.set_connect_properties(ConnectProperties {
        session_expiry_interval: connect.durable.then_some(connect.expiry),
        max_packet_size: Some(LARGEST),
        ..ConnectProperties::new()
    });
    if let Some((username, password)) = &connect.login {
        options.set_credentials(username, password);
    }
    if let Some(will) = &connect.will {
        let payload = will.payload.clone();
        options.set_last_will(LastWill::new(
            will.topic.as_str(),
            payload,
            QoS::AtLeastOnce,
            will.retain,
            None,
        ));
    }
    let (client, connection) = Client::new(options, 1000);
    let thread = std::thread::spawn(move || serve(connection, &events, &vanish));
    (Box::new(V5(client)), thread)
}

impl Link for V5 {
    fn send(&self, request: Request) {
        // An error says that the connection is over, which is an event of its own.
        drop(match request {
            Request::Subscribe(filters) => self
                .0
                .subscribe_many(filters.into_iter().map(|(filter, qos)| Filter::new(filter, level(qos)))),
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
                    // The library takes the broker's DISCONNECT, which leaves the properties out, for
                    // malformed: `raw` can tell its reason code.
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
        Packet::SubAck(suback) => {
            packet::Event::Suback(suback.return_codes.iter().copied().map(suback_code).collect())
        }
        Packet::UnsubAck(unsuback) => {
            packet::Event::Unsuback(unsuback.reasons.iter().copied().map(unsuback_code).collect())
        }
        Packet::PubAck(puback) => packet::Event::Puback(puback_code(puback.reason)),
        Packet::PubRec(pubrec) => packet::Event::Pubrec(pubrec_code(pubrec.reason)),
        Packet::PubComp(_) => packet::Event::Pubcomp(0),
        Packet::Publish(publish) => packet::Event::Message(Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload.to_vec(),
            qos: publish.qos as u8,
            retain: publish.retain,
            dup: publish.dup,
            properties: publish.properties.is_some(),
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
        ConnectReturnCode::ClientIdentifierNotValid => 0x85,
        ConnectReturnCode::BadUserNamePassword => 0x86,
        ConnectReturnCode::NotAuthorized => 0x87,
        ConnectReturnCode::ServerUnavailable => 0x88,
        ConnectReturnCode::ServerBusy => 0x89,
        ConnectReturnCode::Banned => 0x8a,
        other => panic!("CONNACK with {other:?}"),
    }
}

fn suback_code(code: SubscribeReasonCode) -> u8 {
    match code {
        SubscribeReasonCode::Success(qos) => qos as u8,
        SubscribeReasonCode::NotAuthorized => 0x87,
        SubscribeReasonCode::TopicFilterInvalid => 0x8f,
        SubscribeReasonCode::SharedSubscriptionsNotSupported => 0x9e,
        SubscribeReasonCode::WildcardSubscriptionsNotSupported => 0xa2,
        _ => 0x80,
    }
}

fn unsuback_code(code: UnsubAckReason) -> u8 {
    match code {
        UnsubAckReason::Success => 0,
        UnsubAckReason::NoSubscriptionExisted => 0x11,
        UnsubAckReason::NotAuthorized => 0x87,
        UnsubAckReason::TopicFilterInvalid => 0x8f,
        _ => 0x80,
    }
}

fn puback_code(code: PubAckReason) -> u8 {
    match code {
        PubAckReason::Success => 0,
        PubAckReason::NoMatchingSubscribers => 0x10,
        PubAckReason::NotAuthorized => 0x87,
        PubAckReason::QuotaExceeded => 0x97,
        _ => 0x80,
    }
}

fn pubrec_code(code: PubRecReason) -> u8 {
    match code {
        PubRecReason::Success => 0,
        PubRecReason::NoMatchingSubscribers => 0x10,
        PubRecReason::NotAuthorized => 0x87,
        PubRecReason::QuotaExceeded => 0x97,
        _ => 0x80,
    }
}
