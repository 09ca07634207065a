//! The order of evaluation once more, written down as plainly as it can be: lists, sorted when they
//! are asked, and topics taken apart into levels.

use std::cmp::Reverse;
use std::collections::HashSet;

use mosquitto_dynsec::policy::{
    Acl, AclType, Action, Client, Compat, DefaultAccess, Effect, Group, GroupName, Link, Links, Policy,
    Priority, Role, RoleName, Username,
};

/// A policy as somebody would write it down.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) compat: Compat,
    /// Each ACL: type, topic, priority, allow.
    pub(crate) roles: Vec<Vec<(AclType, String, i32, bool)>>,
    /// Of each role, whether filters with wildcards may be subscribed to.
    pub(crate) wildcards: Vec<bool>,
    /// Each group's roles, with their priorities.
    pub(crate) groups: Vec<Vec<(usize, i32)>>,
    pub(crate) client_roles: Vec<(usize, i32)>,
    pub(crate) client_groups: Vec<(usize, i32)>,
    pub(crate) anonymous: Option<usize>,
    pub(crate) defaults: [bool; 4],
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) username: Option<&'static str>,
    pub(crate) clientid: &'static str,
    pub(crate) action: Action,
    pub(crate) topic: String,
}

/// The only client of a [`Model`].
pub(crate) const USERNAME: &str = "ann";

fn role_name(index: usize) -> RoleName {
    RoleName::new(format!("r{index}").as_bytes()).unwrap()
}

fn group_name(index: usize) -> GroupName {
    GroupName::new(format!("g{index}").as_bytes()).unwrap()
}

impl Model {
    /// The same as a [`Policy`].
    pub(crate) fn policy(&self) -> Policy {
        let mut policy = Policy::new(self.compat);
        for (index, acls) in self.roles.iter().enumerate() {
            let mut role = Role::new(role_name(index));
            role.allow_wildcard_subs = self.wildcards[index];
            role.set_acls(
                acls.iter().map(|(acl_type, topic, priority, allow)| {
                    (*acl_type, Acl::new(topic.as_bytes(), Priority::new(*priority, self.compat), *allow))
                }),
                self.compat,
            );
            policy.put_role(role);
        }
        let link = |name, priority| {
            let priority = Priority::new(priority, self.compat);
            Link { name, priority, extra: mosquitto_dynsec::policy::Extra::default() }
        };
        let roles = |links: &[(usize, i32)]| {
            Links::from_given(links.iter().map(|(role, priority)| {
                let Link { priority, extra, .. } = link((), *priority);
                Link { name: role_name(*role), priority, extra }
            }))
        };
        for (index, links) in self.groups.iter().enumerate() {
            policy.put_group(Group { roles: roles(links), ..Group::new(group_name(index)) }).unwrap();
        }
        let groups = Links::from_given(self.client_groups.iter().map(|(group, priority)| {
            let Link { priority, extra, .. } = link((), *priority);
            Link { name: group_name(*group), priority, extra }
        }));
        let client = Client::new(Username::new(USERNAME.as_bytes()).unwrap());
        policy.put_client(Client { roles: roles(&self.client_roles), groups, ..client }).unwrap();
        if let Some(group) = self.anonymous {
            policy.set_anonymous_group(&group_name(group)).unwrap();
        }
        let defaults = Action::ALL.into_iter().zip(self.defaults);
        policy.set_default_access(
            defaults.fold(DefaultAccess::default(), |access, (action, allow)| access.with(action, allow)),
        );
        policy
    }

    /// The answer, and the role and the topic of the ACL that gave it.
    pub(crate) fn decide(&self, question: &Question) -> (Effect, Option<(usize, Option<String>)>) {
        let mut roles = Vec::new();
        match question.username {
            None => {
                roles.extend(self.anonymous.map(|group| self.asked(&self.groups[group])).unwrap_or_default());
            }
            Some(USERNAME) => {
                roles.extend(self.asked(&self.client_roles));
                for group in self.asked(&self.client_groups) {
                    roles.extend(self.asked(&self.groups[group]));
                }
            }
            Some(_) => return (Effect::Defer, None),
        }
        for role in roles {
            if let Some((allow, topic)) = self.ask(role, question) {
                return (if allow { Effect::Allow } else { Effect::Deny }, Some((role, topic)));
            }
        }
        let index = Action::ALL.iter().position(|action| *action == question.action).unwrap();
        let allow = self.defaults[index] && !question.topic.starts_with("$CONTROL");
        (if allow { Effect::Allow } else { Effect::Defer }, None)
    }

    /// The indices in the order in which they are asked; of duplicates the first counts. Names are in
    /// the order of indices.
    pub(crate) fn asked(&self, links: &[(usize, i32)]) -> Vec<usize> {
        let mut unique: Vec<(usize, i32)> = Vec::new();
        for (index, priority) in links {
            if unique.iter().all(|(other, _)| other != index) {
                unique.push((*index, Priority::new(*priority, self.compat).get()));
            }
        }
        unique.sort_by_key(|(index, priority)| (Reverse(*priority), *index));
        unique.into_iter().map(|(index, _)| index).collect()
    }

    /// Whether a role allows or denies, and by which ACL's topic.
    fn ask(&self, role: usize, question: &Question) -> Option<(bool, Option<String>)> {
        let topic = &question.topic;
        let (literal, pattern) = match question.action {
            Action::PublishClientSend => (None, AclType::PublishClientSend),
            Action::PublishClientReceive => (None, AclType::PublishClientReceive),
            Action::Subscribe => (Some(AclType::SubscribeLiteral), AclType::SubscribePattern),
            Action::Unsubscribe => (Some(AclType::UnsubscribeLiteral), AclType::UnsubscribePattern),
        };
        if question.action == Action::Subscribe && !self.wildcards[role] && topic.contains(['+', '#']) {
            return Some((false, None));
        }
        if let Some(literal) = literal
            && let Some((_, _, _, allow)) = self.acls(role, literal).into_iter().find(|acl| acl.1 == *topic)
        {
            return Some((*allow, Some(topic.clone())));
        }
        for (_, filter, _, allow) in self.acls(role, pattern) {
            match self.matches(filter, question) {
                Some(true) => return Some((*allow, Some(filter.clone()))),
                None if self.compat == Compat::V2_1 => return Some((false, Some(filter.clone()))),
                Some(false) | None => {}
            }
        }
        None
    }

    pub(crate) fn acls(&self, role: usize, acl_type: AclType) -> Vec<&(AclType, String, i32, bool)> {
        let mut acls: Vec<_> = self.roles[role].iter().filter(|acl| acl.0 == acl_type).collect();
        let by_priority =
            |acl: &&(AclType, String, i32, bool)| Reverse(Priority::new(acl.2, self.compat).get());
        // Of those with one topic the first counts, in 2.0 the first that is asked, and of literal ones the last.
        let last_counts = self.compat == Compat::V2_0 && acl_type.is_literal();
        if last_counts {
            acls.reverse();
        } else if self.compat == Compat::V2_0 {
            acls.sort_by_key(by_priority);
        }
        let mut topics = HashSet::new();
        acls.retain(|acl| topics.insert(&acl.1));
        if last_counts {
            acls.reverse();
        }
        acls.sort_by_key(by_priority);
        acls
    }

    /// Whether an ACL's filter matches; none where it is malformed (here: empty, or `#` before the end).
    pub(crate) fn matches(&self, filter: &str, question: &Question) -> Option<bool> {
        let topic = &question.topic;
        let subscribing = matches!(question.action, Action::Subscribe | Action::Unsubscribe);
        if subscribing && self.compat < Compat::V2_1 {
            return Some(filter == "#" || levels_cover_as_2_0(filter, question));
        }
        if filter.is_empty() {
            return None;
        }
        if filter.starts_with('$') != topic.starts_with('$') {
            return Some(false);
        }
        if filter.contains("#/") {
            return None;
        }
        let filter: Vec<&str> = filter.split('/').collect();
        let topic: Vec<&str> = topic.split('/').collect();
        Some(levels_match(&filter, &topic, question))
    }
}

fn level_matches(filter: &str, level: &str, question: &Question) -> bool {
    let is = |name: &str| level == name && !name.is_empty() && !name.contains(['/', '+', '#']);
    match filter {
        "%c" => is(question.clientid),
        "%u" => question.username.is_some_and(is),
        "+" => level != "#",
        _ => filter == level,
    }
}

/// MQTT 5.0 §4.7.1, and for filters that are asked for: every topic that they match is matched.
fn levels_match(filter: &[&str], topic: &[&str], question: &Question) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        ([first, filter @ ..], [level, topic @ ..]) => {
            level_matches(first, level, question) && levels_match(filter, topic, question)
        }
        _ => false,
    }
}

/// 2.0 takes a `#` off both filters, and what is left must be the same, or begin the same if the
/// ACL's had one. There `+` matches also a `#` that stood alone.
fn levels_cover_as_2_0(filter: &str, question: &Question) -> bool {
    let take_off = |filter: &str| match filter {
        "#" => (Vec::from([String::new()]), true),
        _ => match filter.strip_suffix("/#") {
            Some(before) => (before.split('/').map(str::to_owned).collect(), true),
            None => (filter.split('/').map(str::to_owned).collect::<Vec<_>>(), false),
        },
    };
    let (filter, filter_open) = take_off(filter);
    let (asked, asked_open) = take_off(&question.topic);
    let as_long =
        if filter_open { filter.len() <= asked.len() } else { filter.len() == asked.len() && !asked_open };
    as_long
        && filter
            .iter()
            .zip(&asked)
            .all(|(filter, asked)| filter == "+" || level_matches(filter, asked, question))
}
