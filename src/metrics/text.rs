//! Counters as Prometheus reads them: text exposition format, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::{Counts, Sizes};

const PREFIX: &str = "mosquitto_dynsec_";

/// What the text begins with, whatever version made it.
pub const BEGINNING: &str = "# HELP mosquitto_dynsec_";

/// All of it. No label holds anything that a client or an administrator has chosen.
#[must_use]
pub fn prometheus(counts: &Counts, sizes: &Sizes) -> String {
    let mut text = Text(String::new());
    text.family("info", "gauge", "Which version runs; always 1.");
    text.sample("info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family("decisions_total", "counter", "Decisions about what clients may do.");
    for (acltype, outcome, count) in &counts.decisions {
        text.sample("decisions_total", &[("acltype", acltype), ("outcome", outcome)], count);
    }
    text.family("logins_total", "counter", "Logins; defer is left to others.");
    for (result, reason, count) in &counts.logins {
        text.sample("logins_total", &[("result", result), ("reason", reason.unwrap_or_default())], count);
    }
    text.family("login_cache_total", "counter", "Passwords looked for among those verified before.");
    text.sample("login_cache_total", &[("result", "hit")], counts.login_cache.0);
    text.sample("login_cache_total", &[("result", "miss")], counts.login_cache.1);
    text.family("saves_total", "counter", "Saves of the policy.");
    text.sample("saves_total", &[("result", "done")], counts.saves.0);
    text.sample("saves_total", &[("result", "failed")], counts.saves.1);
    text.family("save_seconds_total", "counter", "How long saves took.");
    text.sample("save_seconds_total", &[], counts.save_time.0.as_secs_f64());
    text.family("last_save_seconds", "gauge", "How long the last save took.");
    text.sample("last_save_seconds", &[], counts.save_time.1.as_secs_f64());
    text.family("commands_total", "counter", "Commands of payloads.");
    text.sample("commands_total", &[("outcome", "done")], counts.commands.0);
    text.sample("commands_total", &[("outcome", "refused")], counts.commands.1);
    text.family("disconnects_total", "counter", "Connections that the plugin has had ended.");
    text.sample("disconnects_total", &[], counts.disconnects);
    text.family("queued_payloads", "gauge", "Payloads that are not answered yet.");
    text.sample("queued_payloads", &[], counts.queue);
    for (name, size, help) in [
        ("clients", sizes.clients, "Clients of the policy."),
        ("groups", sizes.groups, "Groups of the policy."),
        ("roles", sizes.roles, "Roles of the policy."),
        ("acls", sizes.acls, "ACLs of all roles of the policy."),
        ("connections", sizes.connections, "Connections that the plugin knows of."),
    ] {
        text.family(name, "gauge", help);
        text.sample(name, &[], size);
    }
    text.family("change_index", "gauge", "Commands that have changed the policy since its file was made.");
    text.sample("change_index", &[], sizes.change_index);
    text.0
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string never fails.
        let _ = write!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let mut shown = String::new();
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { "" } else { "," };
            let _ = write!(shown, "{before}{label}=\"{value}\"");
        }
        let _ = if labels.is_empty() {
            writeln!(self.0, "{PREFIX}{name} {value}")
        } else {
            writeln!(self.0, "{PREFIX}{name}{{{shown}}} {value}")
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::super::Metrics;
    use super::*;
    use crate::policy::{Action, Effect, NotLoggedIn};

    fn is_name(name: &str) -> bool {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    }

    /// What `promtool check metrics` checks of a text without histograms.
    fn check(text: &str) {
        assert!(text.starts_with(BEGINNING) && text.ends_with('\n'));
        let (mut family, mut seen, mut samples) = (String::new(), HashSet::new(), HashSet::new());
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(is_name(name) && help.ends_with('.'), "{line}");
                assert!(seen.insert(name.to_owned()), "{name} comes twice");
                let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                assert!(["counter", "gauge"].contains(&kind));
                name.clone_into(&mut family);
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().unwrap() >= 0.0, "{line}");
            assert!(samples.insert(sample.to_owned()), "{sample} comes twice");
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            assert_eq!(name, family, "{line}");
            for label in labels.strip_suffix('}').unwrap().split(',').filter(|label| !label.is_empty()) {
                let (name, value) = label.split_once('=').unwrap();
                assert!(is_name(name), "{line}");
                let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
                assert!(!value.contains(['"', '\\', '\n']), "{line}");
            }
        }
        assert!(samples.len() > 20);
    }

    #[test]
    fn the_text_is_as_prometheus_reads_it_and_has_what_was_counted() {
        let metrics = Metrics::default();
        check(&prometheus(&metrics.counts(), &Sizes::default()));
        metrics.decided(Action::PublishClientSend as usize, Effect::Deny as usize);
        metrics.decided(Action::Unsubscribe as usize, Effect::Defer as usize);
        metrics.decided(Action::ALL.len(), 0);
        metrics.login_allowed();
        metrics.login_not_allowed(NotLoggedIn::WrongPassword, false);
        metrics.login_not_allowed(NotLoggedIn::ClientNotFound, true);
        metrics.looked_up_login(true);
        metrics.saved(Duration::from_millis(1500), true);
        metrics.saved(Duration::from_millis(250), false);
        for _ in 0..3 {
            metrics.payload();
        }
        metrics.answered(2, 1);
        metrics.disconnected(1);
        let sizes = Sizes { clients: 5, groups: 4, roles: 3, acls: 2, change_index: 17, connections: 1 };
        let text = prometheus(&metrics.counts(), &sizes);
        check(&text);
        for line in [
            "decisions_total{acltype=\"publishClientSend\",outcome=\"deny\"} 1",
            "decisions_total{acltype=\"unsubscribe\",outcome=\"defer\"} 1",
            "logins_total{result=\"allow\",reason=\"\"} 1",
            "logins_total{result=\"deny\",reason=\"wrongPassword\"} 1",
            "logins_total{result=\"defer\",reason=\"clientNotFound\"} 1",
            "login_cache_total{result=\"hit\"} 1",
            "saves_total{result=\"failed\"} 1",
            "save_seconds_total 1.75",
            "last_save_seconds 0.25",
            "commands_total{outcome=\"done\"} 2",
            "queued_payloads 2",
            "disconnects_total 1",
            "acls 2",
            "change_index 17",
        ] {
            assert!(text.contains(&format!("\n{PREFIX}{line}\n")), "{line} in\n{text}");
        }
    }
}
