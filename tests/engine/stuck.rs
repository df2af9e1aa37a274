//! Readers that do not read: what they hold up is their own output alone.

use std::io::{self, PipeReader};
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::engine::eventually;
use crate::project::Project;
use crate::proxy::Proxy;

/// Writes more than a pipe takes, and does not stop when it is asked to.
const STUBBORN: &str = "
services:
  web:
    image: busybox
    stop_grace_period: 100s
    volumes: [./out:/out]
    command:
      - sh
      - -c
      - |
        trap 'touch /out/asked' TERM
        yes hello | head -c 300000
        while :; do sleep 0.1; done
";

/// An attached `up` whose output, errors too, goes into one pipe that is full.
struct Stuck<'a> {
    project: &'a Project,
    child: Child,
    _reader: PipeReader,
}

impl<'a> Stuck<'a> {
    fn up(project: &'a Project, address: &str) -> Self {
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rcompose"));
        command.arg("up").current_dir(project.path()).env("DOCKER_HOST", address);
        command.stdin(Stdio::null());
        command.stdout(writer.try_clone().unwrap()).stderr(writer.try_clone().unwrap());
        let stuck = Self { project, child: command.spawn().unwrap(), _reader: reader };
        // How many bytes that takes depends on how they were cut: every write may begin a page.
        eventually("a full pipe", || {
            let mut room = [PollFd::new(&writer, PollFlags::OUT)];
            (poll(&mut room, Some(&Timespec::default())).unwrap() == 0).then_some(())
        });
        stuck
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    }

    /// Interrupts for the first time; the container learns of it.
    fn interrupt_first(&self) {
        self.interrupt();
        self.project.awaits_file("out/asked");
    }

    #[track_caller]
    fn ends(&mut self) {
        let status = eventually("the end of `up`", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(130));
    }
}

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Interrupts get through although nobody reads the output.
///
/// An attached `up` into a pipe that is full. The first interrupt asks the container to stop, the second
/// kills it, and `up` ends.
#[test]
fn a_stuck_reader_holds_up_no_interrupt() {
    let Some(project) = Project::with(STUBBORN) else { return };
    let mut up = Stuck::up(&project, &project.engine.address);
    up.interrupt_first();
    up.interrupt();
    up.ends();
    assert_eq!(project.status("web-1"), "exited");
}

/// The third interrupt leaves, whatever is under way.
///
/// As before, but the engine does not answer to the second one.
#[test]
fn the_third_interrupt_leaves() {
    let Some(project) = Project::with(STUBBORN) else { return };
    let proxy = Proxy::new(project.engine);
    let mut up = Stuck::up(&project, &proxy.address);
    up.interrupt_first();
    proxy.stop_at(1);
    up.interrupt();
    assert!(proxy.stands_still(|| false));
    up.interrupt();
    up.ends();
}
