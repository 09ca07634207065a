//! Where the log of ours differs from the C plugin's on purpose: see [`crate::known_differences`].

use plugin_host::Text;

use crate::difference::{Aspect, responses};
use crate::hazards::{member, string};
use crate::known_differences::Seen;
use crate::plugins;
use crate::plugins::Version::V2_1_2;
use crate::script::Step;

/// Whether a modifyGroup was refused.
pub fn has_refused_group(seen: &Seen<'_>) -> bool {
    responses(seen.theirs).iter().any(|answer| {
        string(answer, "command").eq_ignore_ascii_case("modifyGroup") && member(answer, "error").is_some()
    })
}

/// Since 2.0.15 C logs modifyGroup also where it refuses it.
pub fn refused_and_logged(seen: &Seen<'_>) -> bool {
    let has_refused = has_refused_group(seen);
    let is_other = |line: &&Text| !line.to_string().contains(" | modifyGroup | ");
    let others = |audit: &[Text]| audit.iter().filter(is_other).cloned().collect::<Vec<_>>();
    has_refused
        && seen.aspect == Aspect::Audit
        && normal(seen, &others(&seen.ours.audit)) == normal(seen, &others(&seen.theirs.audit))
}

/// 2.0.11 has lost the client id of a sender that a command disconnected, and logs "(null)".
pub fn sender_was_kicked(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen) && seen.theirs.audit.iter().any(|line| line.to_string().contains(" (null)/"))
}

/// C counts down while it lists, and logs what is left.
pub fn count_in_log(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen) && seen.ours.audit.iter().any(|line| line.to_string().contains(" | count="))
}

/// 2.0 logs every command but this; 2.1 this, too.
pub fn get_role_is_logged(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen)
        && seen.ours.audit.iter().any(|line| line.to_string().contains(" | getRole |"))
}

/// Where C logs what was sent for an acltype, whatever it is.
pub fn malformed_text_in_log(seen: &Seen<'_>) -> bool {
    same_apart_from_known(seen) && seen.theirs.audit.iter().any(|line| is_malformed(seen, &line.to_string()))
}

fn is_malformed(seen: &Seen<'_>, line: &str) -> bool {
    line.contains(|character: char| character.is_control() || character == char::REPLACEMENT_CHARACTER)
        || is_cut(seen, line)
}

/// Whether a broker's log ends a line where a line feed is in the acltype that was sent.
fn is_cut(seen: &Seen<'_>, line: &str) -> bool {
    let Step::Control { payload, .. } = seen.step else { return false };
    let Some((_, acltype)) = line.rsplit_once(" | acltype=") else { return false };
    let sent = payload.to_text();
    let cut = [format!("\"{acltype}\n"), format!("\"{acltype}\\n")];
    cut.iter().any(|cut| memmem(sent.as_bytes(), cut.as_bytes()))
}

fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|bytes| bytes == wanted)
}

/// Whether only the known differences in the log make the logs differ.
pub fn same_apart_from_known(seen: &Seen<'_>) -> bool {
    seen.aspect == Aspect::Audit && normal(seen, &seen.ours.audit) == normal(seen, &seen.theirs.audit)
}

/// The lines of a log without what is known to differ in them.
pub fn normal(seen: &Seen<'_>, audit: &[Text]) -> Vec<String> {
    let Step::Control { clientid, .. } = seen.step else {
        return Vec::new();
    };
    let is_of_2_1 = |line: &str| {
        plugins::version() < V2_1_2 && (line.contains(" | getRole |") || line.ends_with(" | getDetails"))
    };
    let sender = format!("dynsec: {clientid}/");
    let lines = audit.iter().map(|line| line.to_string().replacen("dynsec: (null)/", &sender, 1));
    let lines = lines.filter(|line| !is_of_2_1(line) && !is_malformed(seen, line));
    let without_count = |line: String| {
        let parts = line.split(" | ").filter(|part| !part.starts_with("count="));
        parts.collect::<Vec<_>>().join(" | ")
    };
    lines.map(without_count).collect()
}
