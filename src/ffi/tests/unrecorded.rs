//! Connections of which neither a login nor a certificate is shown.

use super::*;
use crate::ffi::functions::Functions;

/// Whom a plugin before this one has let in.
fn let_in_by_others() -> FakeClient {
    FakeClient { clientid: c"x", username: c"ann", has_certificate: false, address: Some(c"127.0.0.1") }
}

/// What the broker is asked in a check.
fn asked(context: &Context, client: &FakeClient) -> Vec<String> {
    let mut event = acl_check(client, c"any".as_ptr(), sys::MOSQ_ACL_READ);
    call(callbacks::on_acl_check, context, &mut event);
    calls()
}

#[test]
fn who_came_without_a_login_is_looked_at_once() {
    let context = context(BrokerFamily::V2_0);
    let client = let_in_by_others();
    assert_eq!(asked(&context, &client), ["address"]);
    assert_eq!(asked(&context, &client), [""; 0]);
    // It was sent something, which absent ones are too. Now it acts.
    for news in [&["address"][..], &[]] {
        let mut event = acl_check(&client, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
        assert_eq!(call(callbacks::on_acl_check, &context, &mut event), 0);
        assert_eq!(calls(), news);
    }
    assert_eq!(asked(&context, &client), [""; 0]);
    assert_eq!(call(callbacks::on_disconnect, &context, &mut disconnect(&client)), 0);
    assert_eq!(asked(&context, &client), [""; 0], "its will");
    assert_eq!(call(callbacks::on_tick, &context, &mut tick()), 0);
    assert_eq!(asked(&context, &client), ["address"], "another at that address");
}

#[test]
fn another_at_the_address_of_who_came_without_a_login_is_looked_at() {
    let context = context(BrokerFamily::V2_0);
    let mut client = let_in_by_others();
    let session = SessionId(ptr::from_ref(&client).addr());
    asked(&context, &client);
    // The broker does not tell of the end of a session.
    client.username = c"nobody";
    assert_eq!(asked(&context, &client), ["address"]);
    assert_eq!(asked(&context, &client), [""; 0]);
    client.has_certificate = true;
    assert_eq!(asked(&context, &client), ["certificate", "free", "address"]);
    assert!(context.plugin.knows(session));
    assert_eq!(asked(&context, &client), [""; 0]);
}

#[test]
fn where_certificates_cannot_be_told_a_deleted_client_without_a_login_may_nothing() {
    for (x509_free, answer) in [(None, 12), (functions(BrokerFamily::V2_1).x509_free, 17)] {
        let directory = tempfile::tempdir().unwrap();
        let functions = Functions { x509_free, ..functions(BrokerFamily::V2_1) };
        let served = Arc::new(Served::new(plugin_in(&directory, BrokerFamily::V2_1)));
        let context = Context::new(functions, Arc::new(HostBroker::new(functions)), served);
        let payload = br#"{"commands": [{"command": "deleteClient", "username": "ann"}]}"#;
        assert_eq!(call(callbacks::on_control, &context, &mut control(payload)), 0);
        let mut event = sys::mosquitto_evt_connect {
            future: ptr::null_mut(),
            client: ptr::from_ref(&ANN).cast_mut().cast(),
            future2: [ptr::null_mut(); 4],
        };
        assert_eq!(call(callbacks::on_connect, &context, &mut event), 0);
        let mut event = acl_check(&ANN, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
        assert_eq!(call(callbacks::on_acl_check, &context, &mut event), answer);
    }
}
