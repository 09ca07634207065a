//! The roles of the file.

use super::fields::{Context, Fields, name_of_record};
use super::{ParseError, each_element, each_in};
use crate::json::{Value, up_to_nul};
use crate::policy::{
    Acl, AclType, Compat, InertIn, Policy, Priority, Role, RoleName, Text, is_valid_filter, which_count,
};
use crate::store::issue::{At, Imperfection, Shown};

const KNOWN: [&str; 5] = ["rolename", "textname", "textdescription", "allowwildcardsubs", "acls"];
const KNOWN_OF_ACL: [&str; 4] = ["acltype", "topic", "priority", "allow"];

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
        let Some(name) = RoleName::new(name).ok().filter(|_| policy.role(name).is_none()) else {
            let what = Imperfection::Duplicate(Shown::new(name));
            context.issues.add(&at, element.span.start, what);
            file.set_aside(InertIn::Roles, Some(name), element.span.clone(), context);
            return;
        };
        policy.put_role(role(name, element, at, context));
    })
}

fn role(name: RoleName, element: &Value<'_>, at: At<'_>, context: &mut Context<'_>) -> Role {
    let mut fields = Fields::of(element, &KNOWN, at, context);
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
    let rejected = read.iter().zip(elements).zip(&counts).filter(|(_, counts)| !**counts);
    for (((_, acl), (index, span)), _) in rejected {
        let what = Imperfection::Duplicate(Shown::new(&acl.topic));
        context.issues.add(&list.element(index), span.start, what);
        fields.set_aside(InertIn::Acls, Some(&acl.topic), span, context);
    }
    let mut counts = counts.into_iter();
    read.retain(|_| counts.next().unwrap_or(true));
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
    let mut fields = Fields::of(element, &KNOWN_OF_ACL, at, context);
    let Some(topic) = fields.value("topic") else {
        context.issues.add(&at, element.span.start, Imperfection::Without("topic"));
        return None;
    };
    let topic_at = topic.span.start;
    let topic = fields.text("topic", context)?;
    if topic.is_empty() {
        context.issues.add(&at.member("topic"), topic_at, Imperfection::Empty);
        if context.compat == Compat::V2_1 {
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
