//! The roles of the file.

use std::collections::HashMap;

use super::fields::{Context, Fields, name_of_record};
use super::several::{self, Counting};
use super::{ParseError, each_element, each_in};
use crate::json::{Value, up_to_nul};
use crate::policy::{
    Acl, AclType, Compat, InertElement, InertIn, OfSeveral, Policy, Priority, Role, RoleName, Text,
    is_valid_filter, which_count,
};
use crate::store::issue::{At, Imperfection, Shown};
use crate::store::members::{OF_ACL, OF_ROLE};

pub(super) fn read(
    file: &mut Fields<'_, '_>,
    policy: &mut Policy,
    context: &mut Context<'_>,
) -> Result<(), ParseError> {
    let root = file.at;
    let list = root.member("roles");
    each_element(file.value("roles"), "acls", context.source, |index, element| {
        let at = list.element(index);
        let Some(name) = name_of_record(element, "rolename", &at, context) else {
            file.set_aside(InertIn::Roles, None, element.span.clone(), context);
            return;
        };
        if context.several.rejects(InertIn::Roles, index) {
            return;
        }
        let Some(rolename) = RoleName::new(name).ok().filter(|_| policy.role(name).is_none()) else {
            context.is_doubled = true;
            return;
        };
        let mut read = role(rolename, element, at, context);
        let counting = Counting { list: InertIn::Roles, index, name, at: list };
        let others = several::with_others(&counting, &read.extra, context, |element, context| {
            let mut other = role(read.name.clone(), element, At::ROOT, context);
            other.extra.clone_from(&read.extra);
            other == read
        });
        read.extra = others.unwrap_or(read.extra);
        policy.put_role(read);
    })
}

fn role(name: RoleName, element: &Value<'_>, at: At<'_>, context: &mut Context<'_>) -> Role {
    let mut fields = Fields::of(element, OF_ROLE, at, context);
    let mut role = Role::new(name);
    role.text_name = fields.text("textname", context).map(|text| Text::new(&text));
    role.text_description = fields.text("textdescription", context).map(|text| Text::new(&text));
    role.allow_wildcard_subs = fields.bool("allowwildcardsubs", true, context);
    let list = at.member("acls");
    let mut read = Vec::new();
    let mut elements = Vec::new();
    if let Some(acls) = fields.array("acls", context) {
        each_in(acls, context.source, |index, element| {
            if let Some(acl) = acl(element, list.element(index), context) {
                read.push(acl);
                elements.push((index, element.span.clone()));
            } else {
                fields.set_aside(InertIn::Acls, None, element.span.clone(), context);
            }
        });
    }
    let counts = which_count(&read, context.compat);
    let mut others: HashMap<(AclType, Box<[u8]>), Vec<InertElement>> = HashMap::new();
    let rejected = read.iter().zip(elements).zip(&counts).filter(|(_, counts)| !**counts);
    for (((acl_type, acl), (index, span)), _) in rejected {
        let counts = OfSeveral::of_acls(*acl_type, context.compat);
        let what = Imperfection::AclOfSeveral(Shown::new(&acl.topic), counts);
        context.issues.add(&list.element(index), span.start, what);
        let of_topic = others.entry((*acl_type, acl.topic.clone())).or_default();
        of_topic.push(context.inert(InertIn::Beside, None, span));
    }
    let mut counts = counts.into_iter();
    read.retain(|_| counts.next().unwrap_or(true));
    if !others.is_empty() {
        for (acl_type, acl) in &mut read {
            if let Some(others) = others.remove(&(*acl_type, acl.topic.clone())) {
                acl.extra = acl.extra.with_inert(others);
            }
        }
    }
    role.set_acls_that_count(read);
    role.extra = fields.into_extra(context);
    role
}

/// `None`, and a report, where the ACL can never decide anything.
fn acl(element: &Value<'_>, at: At<'_>, context: &mut Context<'_>) -> Option<(AclType, Acl)> {
    if !element.is_object() {
        context.issues.add(&at, element.span.start, Imperfection::Not("an object"));
        return None;
    }
    let acl_type = acl_type_of(element, &at, context)?;
    let mut fields = Fields::of(element, OF_ACL, at, context);
    let Some(topic) = fields.value("topic") else {
        context.issues.add(&at, element.span.start, Imperfection::Without("topic"));
        return None;
    };
    let topic_at = topic.span.start;
    let topic = fields.text("topic", context)?;
    if topic.is_empty() {
        let is_ignored = context.compat == Compat::V2_1;
        let what = if is_ignored { Imperfection::Empty } else { Imperfection::EmptyTopic };
        context.issues.add(&at.member("topic"), topic_at, what);
        if is_ignored {
            return None;
        }
    } else if !is_valid_filter(&topic, context.compat) {
        context.issues.add(&at.member("topic"), topic_at, Imperfection::InvalidTopic);
    }
    let priority = fields.priority(Priority::DEFAULT_ACL, context);
    let allow = fields.bool("allow", false, context);
    let mut acl = Acl::new(&topic, priority, allow);
    acl.extra = fields.into_extra(context);
    Some((acl_type, acl))
}

fn acl_type_of(element: &Value<'_>, at: &At<'_>, context: &mut Context<'_>) -> Option<AclType> {
    let Some(value) = element.get("acltype") else {
        context.issues.add(at, element.span.start, Imperfection::Without("acltype"));
        return None;
    };
    let text = value.as_bytes().map(up_to_nul);
    let acl_type = text.and_then(AclType::from_name);
    if acl_type.is_none() {
        let what = match text {
            None => Imperfection::Not("a string"),
            Some(text) => Imperfection::NoAclType(Shown::new(text)),
        };
        context.issues.add(&at.member("acltype"), value.span.start, what);
    }
    acl_type
}
