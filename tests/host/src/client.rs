//! A fake client: what stands behind a plugin's `struct mosquitto *`.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::bindings::mosquitto;
use crate::text::Text;

/// A client that the plugin believes to be connected.
pub(crate) struct Client {
    clientid: Text,
    clientid_c: CString,
    username: Mutex<Option<CString>>,
    /// Where it lies: a broker's function takes no lock to say it, and checks are counted with what they call.
    username_for_plugin: AtomicPtr<c_char>,
    subscriptions: Vec<Text>,
    gone: AtomicBool,
}

impl Client {
    pub(crate) fn new(clientid: Text, username: Option<&Text>, subscriptions: Vec<Text>) -> Arc<Self> {
        let username = username.map(Text::to_c_string);
        Arc::new(Self {
            clientid_c: clientid.to_c_string(),
            clientid,
            username_for_plugin: AtomicPtr::new(place_of(username.as_ref())),
            username: Mutex::new(username),
            subscriptions,
            gone: AtomicBool::new(false),
        })
    }

    /// What the plugin gets. It is valid while somebody holds this `Arc`.
    pub(crate) fn as_c(self: &Arc<Self>) -> *mut mosquitto {
        Arc::as_ptr(self).cast_mut().cast()
    }

    pub(crate) fn clientid(&self) -> &Text {
        &self.clientid
    }

    pub(crate) fn subscriptions(&self) -> &[Text] {
        &self.subscriptions
    }

    /// The id as the plugin sees it: NULL once the client has been disconnected, because 2.0.11 frees it then
    /// (src/context.c, `context__add_to_disused`).
    pub(crate) fn clientid_for_plugin(&self) -> *const c_char {
        if self.gone.load(Ordering::Relaxed) { ptr::null() } else { self.clientid_c.as_ptr() }
    }

    /// The username as the plugin sees it: NULL for an anonymous client. It is valid until it is set anew.
    pub(crate) fn username_for_plugin(&self) -> *const c_char {
        self.username_for_plugin.load(Ordering::Relaxed)
    }

    pub(crate) fn has_username(&self, wanted: Option<&Text>) -> bool {
        let username = self.username.lock().unwrap_or_else(PoisonError::into_inner);
        username.as_ref().map(CString::as_bytes) == wanted.map(Text::as_bytes)
    }

    pub(crate) fn set_username(&self, username: Option<CString>) {
        let mut place = self.username.lock().unwrap_or_else(PoisonError::into_inner);
        self.username_for_plugin.store(place_of(username.as_ref()), Ordering::Relaxed);
        *place = username;
    }

    pub(crate) fn mark_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

fn place_of(text: Option<&CString>) -> *mut c_char {
    text.map_or(ptr::null_mut(), |text| text.as_ptr().cast_mut())
}
