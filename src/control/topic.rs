//! The topics that payloads come to. What may be asked differs; who may ask is for ACLs to say.

use crate::policy::{SELF_RESPONSE_TOPIC, SELF_TOPIC};

/// A topic that payloads are published to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ControlTopic {
    /// The C plugin's: everything.
    #[default]
    Admin,
    /// What changes nothing.
    Query,
    /// What clients ask about themselves.
    SelfService,
}

impl ControlTopic {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "$CONTROL/dynamic-security/v1",
            Self::Query => "$CONTROL/dynamic-security/v1/query",
            Self::SelfService => SELF_TOPIC,
        }
    }

    /// The topic that its responses are published to.
    #[must_use]
    pub const fn response(self) -> &'static str {
        match self {
            Self::Admin => "$CONTROL/dynamic-security/v1/response",
            Self::Query => "$CONTROL/dynamic-security/v1/query/response",
            Self::SelfService => SELF_RESPONSE_TOPIC,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::COMMANDS;
    use super::super::{Actor, Connection, Host, handle};
    use super::*;
    use crate::password::PasswordHash;
    use crate::policy::{ClientId, Compat, Policy, Username};

    struct NoHost;

    impl Host for NoHost {
        fn hash_password(&self, _: &[u8]) -> Option<PasswordHash> {
            None
        }

        fn connections(&self, _: &Username, _: Option<&ClientId>) -> Vec<Connection> {
            Vec::new()
        }
    }

    /// The answer to a command that has whatever member any command needs.
    fn answer(policy: &mut Policy, name: &str, topic: ControlTopic) -> (String, bool) {
        let payload = format!(
            r#"{{"commands":[{{"command":"{name}","username":"u","groupname":"g","rolename":"r","topic":"t",
                "acltype":"publishClientSend","acls":[],"correlationData":"c"}}]}}"#
        );
        let outcome = handle(policy, payload.as_bytes(), &Actor { topic, ..Actor::default() }, &NoHost);
        (String::from_utf8(outcome.responses.to_json()).unwrap(), outcome.changed)
    }

    #[test]
    fn what_changes_the_policy_is_refused_on_the_query_topic_and_nothing_else_is() {
        let mut policy = Policy::new(Compat::V2_1);
        for command in COMMANDS {
            let (on_query, changed) = answer(&mut policy, command.name, ControlTopic::Query);
            let refused = format!(
                r#"{{"responses":[{{"command":"{}","error":"Not on this topic: the command changes the policy","correlationData":"c"}}]}}"#,
                command.name
            );
            assert_eq!(on_query == refused, command.mutates, "{on_query}");
            let (on_self, changed_by_self) = answer(&mut policy, command.name, ControlTopic::SelfService);
            let is_about_oneself = ["whoAmI", "explainACL"].contains(&command.name);
            assert_eq!(on_self.contains("Not on this topic\""), !is_about_oneself, "{on_self}");
            assert!(!changed_by_self);
            assert!(!changed && policy.change_index() == 0);
            if !command.mutates && command.name != "whoAmI" {
                assert_eq!(on_query, answer(&mut policy, command.name, ControlTopic::Admin).0);
            }
        }
    }

    #[test]
    fn who_one_is_is_not_told_where_others_read_it() {
        let mut policy = Policy::new(Compat::V2_1);
        for topic in [ControlTopic::Admin, ControlTopic::Query] {
            let (answer, _) = answer(&mut policy, "whoAmI", topic);
            assert!(answer.contains("Only on $CONTROL/dynamic-security/v1/self"), "{answer}");
        }
    }

    #[test]
    fn unknown_commands_are_unknown_on_every_topic() {
        let mut policy = Policy::new(Compat::V2_1);
        let (answer, _) = answer(&mut policy, "noSuchThing", ControlTopic::Query);
        assert!(answer.contains("Unknown command"), "{answer}");
    }
}
