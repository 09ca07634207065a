//! A plugin in its broker: one method for each thing that happens to a broker.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bindings::{MOSQ_ERR_PLUGIN_DEFER, MOSQ_ERR_SUCCESS};
use crate::broker::{BROKER, turn_away};
use crate::callback::{Callback, Event};
use crate::client::Client;
use crate::load_error::LoadError;
use crate::newer;
use crate::plugin::Plugin;
use crate::protocol::{AclRequest, Deed};
use crate::text::Text;

/// A loaded plugin.
///
/// Return codes are the plugin's own, `MOSQ_ERR_*`; none where it has registered no callback for the event.
pub struct Host {
    plugin: Plugin,
}

/// A client was named that is not connected.
#[derive(Debug)]
pub struct NotConnected(Text);

impl fmt::Display for NotConnected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` is not connected", self.0)
    }
}

impl std::error::Error for NotConnected {}

impl Host {
    /// Loads a plugin, without calling its init.
    ///
    /// # Errors
    ///
    /// It does not load into a 2.0.11 broker, or `libmosquitto.so.1` is not installed.
    pub fn load(plugin: &Path) -> Result<Self, LoadError> {
        Plugin::load(plugin).map(|plugin| Self { plugin })
    }

    /// The broker starts. Options are named without their `plugin_opt_`.
    pub fn init(&mut self, options: &BTreeMap<String, String>) -> c_int {
        self.plugin.init(options)
    }

    /// The broker ends.
    pub fn cleanup(&mut self) -> c_int {
        self.plugin.cleanup()
    }

    /// A client is there without having been asked for a password: let in by its certificate, of which no
    /// plugin hears, or anonymously, whatever the plugin says to it, since the broker allows it.
    pub fn attach(&self, clientid: &Text, username: Option<&Text>, subscriptions: Vec<Text>) {
        let client = Client::new(clientid.clone(), username, subscriptions);
        if username.is_none() {
            let _refused_or_not = self.ask_for_login(&client, None, None);
        }
        BROKER.admit(client);
    }

    /// A client connects; it stays if the plugin accepts it. In a broker of 2.1 the plugin may let it wait.
    #[must_use]
    pub fn connect(
        &self,
        clientid: &Text,
        username: Option<&Text>,
        password: Option<&Text>,
    ) -> Option<c_int> {
        let given = |text: &&Text| !text.as_bytes().is_empty();
        let username = username.filter(given);
        let client = Client::new(clientid.clone(), username, Vec::new());
        let username = username.map(Text::to_c_string);
        let password = password.filter(given).map(Text::to_c_string);
        let rc = self.ask_for_login(&client, username.as_deref(), password.as_deref());
        match rc {
            Some(MOSQ_ERR_SUCCESS) => BROKER.admit(client),
            Some(newer::MOSQ_ERR_AUTH_DELAYED) if newer::is_enabled() => BROKER.let_wait(client),
            _ => turn_away(&client, self.callbacks(Event::Disconnect)),
        }
        rc
    }

    fn ask_for_login(
        &self,
        client: &Arc<Client>,
        username: Option<&CStr>,
        password: Option<&CStr>,
    ) -> Option<c_int> {
        first_decision(self.callbacks(Event::BasicAuth), |callback| {
            callback.basic_auth(client, username, password)
        })
    }

    /// A login that can be made again and again, for measuring. The broker does not know the client.
    #[must_use]
    pub fn prepare_login(&self, clientid: &Text, username: &Text, password: &Text) -> PreparedLogin {
        PreparedLogin {
            logins: self.callbacks(Event::BasicAuth).collect(),
            ends: self.callbacks(Event::Disconnect).collect(),
            client: Client::new(clientid.clone(), Some(username), Vec::new()),
            username: username.to_c_string(),
            password: password.to_c_string(),
        }
    }

    /// A client leaves. False if it was not there.
    #[must_use]
    pub fn disconnect(&self, clientid: &Text) -> bool {
        BROKER.disconnect(clientid)
    }

    /// An ACL check, straight to the plugin: what the broker itself allows or denies before it asks its
    /// plugins (`$SYS`, `$share`) is not decided here.
    ///
    /// # Errors
    ///
    /// There is no such client.
    pub fn acl_check(&self, request: &AclRequest) -> Result<Option<c_int>, NotConnected> {
        self.prepare(request).map(|check| check.run())
    }

    /// An ACL check that can be run again and again, for measuring.
    ///
    /// # Errors
    ///
    /// There is no such client.
    pub fn prepare(&self, request: &AclRequest) -> Result<PreparedAclCheck, NotConnected> {
        Ok(PreparedAclCheck {
            callbacks: self.callbacks(Event::AclCheck).collect(),
            client: connected(&request.clientid)?,
            access: request.access.to_c(),
            topic: request.topic.to_c_string(),
        })
    }

    /// A client publishes to a control topic of the plugin's: to the one that it registered first if none is named.
    ///
    /// # Errors
    ///
    /// There is no such client.
    pub fn control(
        &self,
        clientid: &Text,
        topic: Option<&Text>,
        payload: &Text,
    ) -> Result<Option<c_int>, NotConnected> {
        let client = connected(clientid)?;
        let is_it = |callback: &Callback| topic.is_none() || callback.topic().as_ref() == topic;
        let callback = self.callbacks(Event::Control).find(is_it);
        Ok(callback.map(|callback| callback.control(&client, payload.as_bytes())))
    }

    /// The broker's loop goes round.
    pub fn tick(&mut self) -> Option<c_int> {
        self.callbacks(Event::Tick).filter_map(|callback| callback.tick()).last()
    }

    /// SIGHUP.
    pub fn reload(&mut self) -> Option<c_int> {
        self.callbacks(Event::Reload).map(|callback| callback.reload()).last()
    }

    /// What plugins did since this was last called.
    #[must_use]
    pub fn take_deeds(&self) -> Vec<Deed> {
        BROKER.take_deeds()
    }

    fn callbacks(&self, event: Event) -> impl Iterator<Item = Callback> + use<> {
        let plugin = self.plugin.id();
        BROKER.callbacks_of(event).into_iter().filter(move |callback| callback.plugin() == plugin)
    }
}

/// An ACL check with everything looked up: [`Self::run`] is little more than the plugin's own work.
pub struct PreparedAclCheck {
    callbacks: Vec<Callback>,
    client: Arc<Client>,
    access: c_int,
    topic: CString,
}

impl PreparedAclCheck {
    /// Asks the plugin.
    #[must_use]
    pub fn run(&self) -> Option<c_int> {
        first_decision(self.callbacks.iter(), |callback| {
            callback.acl_check(&self.client, self.access, &self.topic)
        })
    }
}

/// A login with everything looked up: [`Self::run`] is little more than the plugin's own work.
pub struct PreparedLogin {
    logins: Vec<Callback>,
    ends: Vec<Callback>,
    client: Arc<Client>,
    username: CString,
    password: CString,
}

impl PreparedLogin {
    /// Asks the plugin.
    #[must_use]
    pub fn run(&self) -> Option<c_int> {
        first_decision(self.logins.iter(), |callback| {
            callback.basic_auth(&self.client, Some(&self.username), Some(&self.password))
        })
    }

    /// Tells the plugin that the connection has ended.
    pub fn end(&self) {
        for callback in &self.ends {
            callback.disconnected(&self.client);
        }
    }
}

/// How long `rounds` rounds of all the checks take.
#[must_use]
pub fn measure(checks: &[PreparedAclCheck], rounds: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..rounds {
        for check in checks {
            std::hint::black_box(check.run());
        }
    }
    start.elapsed()
}

fn connected(clientid: &Text) -> Result<Arc<Client>, NotConnected> {
    BROKER.client(clientid).ok_or_else(|| NotConnected(clientid.clone()))
}

/// The broker's rule: the first callback that does not defer decides.
fn first_decision<C>(callbacks: impl Iterator<Item = C>, mut ask: impl FnMut(&C) -> c_int) -> Option<c_int> {
    let mut answer = None;
    for callback in callbacks {
        let rc = ask(&callback);
        answer = Some(rc);
        if rc != MOSQ_ERR_PLUGIN_DEFER {
            break;
        }
    }
    answer
}
