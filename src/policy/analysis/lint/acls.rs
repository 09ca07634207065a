//! ACLs for themselves, and beside the others of their role.

use super::{ANYBODY, Finding, NO_LEVEL, RoleAcl};
use crate::policy::analysis::effective::{is_one_topic, parts};
use crate::policy::matcher::Cut;
use crate::policy::matcher::topic::{Match, Placeholder, has_wildcard};
use crate::policy::{AclType, HeldRole, Policy, Role, Rule, Work, is_valid_filter};

impl Policy {
    pub(super) fn lint_acls<'a>(&'a self, role: &'a Role, work: &mut Work, findings: &mut Vec<Finding<'a>>) {
        let Some(held) = self.alone(role) else { return };
        for acl_type in AclType::ALL {
            for acl in role.acls(acl_type) {
                let this = RoleAcl { role, acl_type, acl };
                if !is_valid_filter(&acl.topic, self.compat()) {
                    findings.push(Finding::MalformedAcl(this));
                    continue;
                }
                if has_foreign_placeholder(&acl.topic, acl_type) {
                    findings.push(Finding::LiteralPlaceholder(this));
                }
                if acl_type.is_literal() {
                    let refused = acl_type == AclType::SubscribeLiteral && !role.allow_wildcard_subs;
                    if refused && has_wildcard(&acl.topic) {
                        findings.push(Finding::WildcardsRefused(this));
                    }
                    continue;
                }
                if let Some(literal) = self.literal_before(held, this) {
                    findings.push(Finding::ShadowedAcl(this, literal));
                    continue;
                }
                let as_rule = Rule { held, acl_type, acl };
                if let Some(by) = self.covering(&[held], &as_rule, &acl.topic, ANYBODY, work) {
                    findings.push(Finding::ShadowedAcl(this, RoleAcl { acl: by.acl, ..this }));
                } else if let Some(two) = self.covered_by_two(held, this, work) {
                    findings.push(Finding::ShadowedByTwo(this, two));
                } else if let Some(other) = self.exception_by_order(&held, this, work) {
                    findings.push(Finding::Conflict(this, other, None));
                }
            }
        }
    }

    /// The literal ACL for all that a pattern matches, which is looked up before it, and says the opposite. That both are
    /// there and say the same is what tutorials do.
    fn literal_before<'a>(&self, held: HeldRole<'a>, pattern: RoleAcl<'a>) -> Option<RoleAcl<'a>> {
        let acl_type = match pattern.acl_type {
            AclType::SubscribePattern => AclType::SubscribeLiteral,
            AclType::UnsubscribePattern => AclType::UnsubscribeLiteral,
            _ => return None,
        };
        let topic = &pattern.acl.topic;
        let acl = is_one_topic(topic).then(|| held.index.get(acl_type, topic, self.keys())).flatten()?;
        (acl.allow != pattern.acl.allow).then_some(RoleAcl { acl_type, acl, ..pattern })
    }

    /// Two ACLs that are asked before this one, and together cover it.
    fn covered_by_two<'a>(
        &self,
        held: HeldRole<'a>,
        this: RoleAcl<'a>,
        work: &mut Work,
    ) -> Option<[RoleAcl<'a>; 2]> {
        let (itself, below) = parts(this.acl_type, &this.acl.topic)?;
        let rule = Rule { held, acl_type: this.acl_type, acl: this.acl };
        let mut covering = |filter: &[u8]| {
            let by = self.covering(&[held], &rule, filter, ANYBODY, work)?;
            Some(RoleAcl { acl: by.acl, ..this })
        };
        Some([covering(itself)?, covering(&below)?])
    }

    /// An ACL that covers this one, says the opposite with the same priority, and came later to the role: it
    /// is looked for by filters that differ from this one in one level.
    fn exception_by_order<'a>(
        &self,
        held: &HeldRole<'a>,
        this: RoleAcl<'a>,
        work: &mut Work,
    ) -> Option<RoleAcl<'a>> {
        let levels: Vec<&[u8]> = this.acl.topic.split(|byte| *byte == b'/').collect();
        (0..levels.len()).find_map(|changed| {
            let level = *levels.get(changed)?;
            if has_wildcard(level) || !work.may(held.index.steps(this.acl_type)) {
                return None;
            }
            let mut others = levels.clone();
            *others.get_mut(changed)? = if level.starts_with(b"$") { b"$\x01" } else { NO_LEVEL };
            let filter = others.join(&b'/');
            let asked = self.filter_as_asked(this.acl_type, &filter, &ANYBODY);
            let cut = Cut::of(&asked, self.keys())?;
            let found = held.index.first(this.acl_type, &asked, &cut)?;
            let acl = &found.ranked.item;
            let disagrees = found.how == Match::Yes
                && acl.allow != this.acl.allow
                && acl.priority == this.acl.priority
                && acl.rank() > this.acl.rank();
            disagrees.then_some(RoleAcl { acl, ..this })
        })
    }
}

/// Whether there is something in it that would be filled in elsewhere: `${username}`, `{{clientid}}`, or a
/// `%u` that is not a level of its own, or stands in an ACL that is compared byte by byte.
fn has_foreign_placeholder(topic: &[u8], acl_type: AclType) -> bool {
    let has_braces = topic
        .iter()
        .position(|byte| *byte == b'{')
        .is_some_and(|open| topic.get(open..).is_some_and(|rest| rest.contains(&b'}')));
    has_braces
        || topic.split(|byte| *byte == b'/').any(|level| {
            let is_one = Placeholder::of(level).is_some();
            let holds_one = level.windows(2).any(|pair| Placeholder::of(pair).is_some());
            if acl_type.is_literal() { holds_one } else { holds_one && !is_one }
        })
}
