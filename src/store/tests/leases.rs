//! Files that another program has a lease of, as file servers do: the system asks it to give that up, and who opens the
//! file waits.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::faults::{Faulty, Place, policy_of_length};
use super::write;
use crate::policy::Compat;
use crate::store::{Disk as _, RealDisk, Trail, Writable, replace_metrics_file};

/// Takes a lease, says so, and gives it up a moment after it is asked to. At first a child that another test is starting may
/// have the file open too. Not every file system has leases.
const HOLDER: &str = r#"
    my ($path, $set_lease, $kind) = @ARGV;
    $SIG{IO} = sub { select(undef, undef, undef, 0.05); exit };
    open(my $file, "+<", $path) or die "$path: $!";
    for (my $tries = 0; !fcntl($file, $set_lease, 0 + $kind); $tries++) {
        $!{EAGAIN} && $tries < 1000 or die "$path: $!";
        select(undef, undef, undef, 0.01);
    }
    syswrite(STDOUT, "!");
    sleep 60;
    die "$path: nobody has opened it";
"#;

/// Another program that has a lease of a file until somebody opens that.
struct Lease(Child);

impl Lease {
    /// `None` where the file system has no leases, which is said.
    fn of(file: &Path) -> Option<Self> {
        let mut command = Command::new("perl");
        command.args(["-e", HOLDER]).arg(file).args([libc::F_SETLEASE, libc::F_WRLCK].map(|n| n.to_string()));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0];
        if child.stdout.as_mut().unwrap().read_exact(&mut said).is_ok() {
            return Some(Self(child));
        }
        let status = child.wait().unwrap();
        // Not by a macro, whose output is shown only when a test fails.
        let text = format!(
            "NOT TESTED: what becomes of files with leases, since {} gets none ({status})\n",
            file.display()
        );
        io::stderr().write_all(text.as_bytes()).unwrap();
        None
    }

    /// It was given up since somebody has opened the file.
    fn await_given_up(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

#[test]
fn a_file_with_a_lease_is_waited_for() {
    let place = Place::with(b"policy");
    let open_trail = |file: &Path| {
        let news = Trail::new(file.to_owned()).open();
        news.map_or(Ok(()), |news| Err(io::Error::other(format!("{news:?}"))))
    };
    let openings: [fn(&Path) -> io::Result<()>; 5] = [
        |file| RealDisk.read(file).map(drop),
        |file| RealDisk.open(file).map(drop),
        |file| RealDisk.open_for_writing(file).map(drop),
        open_trail,
        |file| replace_metrics_file(file, b"policy", b"policy"),
    ];
    for (number, open) in openings.into_iter().enumerate() {
        let Some(lease) = Lease::of(&place.file) else { return };
        open(&place.file).unwrap_or_else(|error| panic!("{number}: {error}"));
        lease.await_given_up();
    }
}

#[test]
fn a_policy_with_a_lease_is_loaded_and_saved() {
    for in_place in [false, true] {
        let place = Place::with(&write(&policy_of_length(100)));
        let disk = Faulty::new(in_place.then_some(place.home.as_path()), io::ErrorKind::Other);
        let Some(lease) = Lease::of(&place.file) else { return };
        let (_, mut store) = place.open(Box::new(disk));
        lease.await_given_up();
        assert_eq!(matches!(store.writable(), Writable::InPlace { .. }), in_place);
        let Some(lease) = Lease::of(&place.file) else { return };
        store.save(&policy_of_length(200)).unwrap();
        lease.await_given_up();
        assert_eq!(fs::read(&place.file).unwrap(), write(&policy_of_length(200)));
        fs::write(&place.file, write(&policy_of_length(300))).unwrap();
        let Some(lease) = Lease::of(&place.file) else { return };
        assert!(store.reload(Compat::V2_1, false).unwrap().is_some());
        lease.await_given_up();
    }
}
