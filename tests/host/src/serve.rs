//! The program's loop: requests in, answers out.
#![expect(unsafe_code, reason = "sets an alarm")]

use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use crate::exports::fill_freed_memory;
use crate::host::{Host, NotConnected, measure};
use crate::protocol::{Answer, Request};

/// A request that takes longer than this many seconds ends the process by SIGALRM: a plugin that waits for
/// itself is seen as dead, not waited for. [`PATIENCE`] says otherwise, where everything is slow.
const PATIENCE_S: u32 = 20;

/// The name of the variable with another number of seconds.
pub(crate) const PATIENCE: &str = "PLUGIN_HOST_PATIENCE";

/// Answers requests until there are no more, or [`Request::Quit`].
///
/// # Errors
///
/// Reading or writing fails, or a line is not a request.
pub fn serve(host: &mut Host, requests: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    let patience = std::env::var(PATIENCE).ok().and_then(|seconds| seconds.parse().ok());
    for line in requests.lines() {
        let request = serde_json::from_str(&line?)?;
        if request == Request::Quit {
            break;
        }
        set_alarm(patience.unwrap_or(PATIENCE_S));
        let mut answer = obey(host, &request)
            .unwrap_or_else(|error| Answer { error: Some(error.to_string()), ..Answer::default() });
        answer.deeds = host.take_deeds();
        set_alarm(0);
        serde_json::to_writer(&mut answers, &answer)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

fn set_alarm(seconds: u32) {
    // SAFETY: alarm has no preconditions; nothing in this process handles SIGALRM.
    unsafe { libc::alarm(seconds) };
}

/// Lets one thing happen to the host's broker. What the plugin then did is still to be taken
/// ([`Host::take_deeds`]).
///
/// # Errors
///
/// It happens to a client that is not connected.
pub fn obey(host: &mut Host, request: &Request) -> Result<Answer, NotConnected> {
    let mut nanoseconds = None;
    let rc = match request {
        Request::Init { options, fill_freed_memory: fill } => {
            fill_freed_memory(*fill);
            Some(host.init(options))
        }
        Request::Attach { clientid, username, subscriptions } => {
            host.attach(clientid, username.as_ref(), subscriptions.clone());
            None
        }
        Request::Connect { clientid, username, password } => {
            host.connect(clientid, username.as_ref(), password.as_ref())
        }
        Request::Acl(check) => host.acl_check(check)?,
        Request::Control { clientid, topic, payload } => host.control(clientid, topic.as_ref(), payload)?,
        Request::Tick { count, pause_ms } => {
            let mut rc = None;
            for _ in 0..*count {
                thread::sleep(Duration::from_millis(*pause_ms));
                rc = host.tick();
            }
            rc
        }
        Request::Disconnect { clientid } => {
            // A client that a plugin has already disconnected cannot leave once more, and that is no error.
            let _was_there = host.disconnect(clientid);
            None
        }
        Request::Reload => host.reload(),
        Request::Cleanup => Some(host.cleanup()),
        Request::MeasureAcl { checks, rounds } => {
            let checks = checks.iter().map(|check| host.prepare(check)).collect::<Result<Vec<_>, _>>()?;
            let elapsed = measure(&checks, *rounds);
            nanoseconds = Some(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
            None
        }
        Request::Quit => None,
    };
    Ok(Answer { rc, nanoseconds, ..Answer::default() })
}
