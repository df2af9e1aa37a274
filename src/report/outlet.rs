//! Where output goes: a reader that is stuck must not hold us up when somebody wants to go.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long a reader that does not read may take once there is hurry.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between two looks whether there is hurry by now.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// So much goes into a pipe that takes anything at all: the least that POSIX asks for is 512, and the
/// least that Linux does is a page.
const PIECE: usize = 4096;

/// Standard output or standard error.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    /// Whether it leads to a pipe, whose reader may be stuck.
    pipe: OnceCell<bool>,
    /// Whether the reader did not read when there was hurry. It gets nothing until it reads again.
    stuck: bool,
}

impl Outlet {
    /// Writes all of `bytes`, unless there is hurry and nobody reads them.
    ///
    /// # Errors
    /// A reader that is gone, or a full disk.
    pub(super) fn write(
        &mut self,
        mut stream: impl Write + AsFd,
        bytes: &[u8],
        hurry: &AtomicBool,
    ) -> io::Result<()> {
        if !*self.pipe.get_or_init(|| is_pipe(stream.as_fd())) {
            return stream.write_all(bytes);
        }
        let mut rest = bytes;
        while let Some(piece) = rest.get(..rest.len().min(PIECE)).filter(|it| !it.is_empty()) {
            if !self.is_ready(stream.as_fd(), hurry)? {
                return Ok(());
            }
            // Past the buffer of the standard library, which would write later.
            match rustix::io::write(stream.as_fd(), piece) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until a pipe takes something. False if nobody reads it when there is hurry.
    fn is_ready(&mut self, pipe: BorrowedFd<'_>, hurry: &AtomicBool) -> io::Result<bool> {
        let mut since = None;
        loop {
            let look = if self.stuck { Timespec::default() } else { LOOK };
            let ready = match poll(&mut [PollFd::new(&pipe, PollFlags::OUT)], Some(&look)) {
                Ok(ready) => ready > 0,
                // Most likely by the signal that there is hurry for.
                Err(Errno::INTR) => false,
                Err(error) => return Err(error.into()),
            };
            if ready {
                self.stuck = false;
                return Ok(true);
            }
            if hurry.load(Ordering::Relaxed) {
                let since = *since.get_or_insert_with(Instant::now);
                self.stuck |= since.elapsed() >= PATIENCE;
            }
            if self.stuck {
                return Ok(false);
            }
        }
    }
}

fn is_pipe(stream: BorrowedFd<'_>) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let file = stream.try_clone_to_owned().map(File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|it| it.file_type().is_fifo())
}

/// A word that there is hurry from now on, for handlers of signals.
pub type Hurry = Arc<AtomicBool>;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_stuck_reader_is_left_to_itself_when_there_is_hurry() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut outlet = Outlet::default();
        let hurry = AtomicBool::new(false);
        let much = vec![b'x'; 40_000];
        outlet.write(&writer, &much, &hurry).unwrap();
        hurry.store(true, Ordering::Relaxed);
        // There is room for the beginning only, and nobody makes any.
        outlet.write(&writer, &much, &hurry).unwrap();
        outlet.write(&writer, b"lost", &hurry).unwrap();
        assert!(outlet.stuck);
        let mut bytes = vec![0; much.len()];
        reader.read_exact(&mut bytes).unwrap();
        // Who reads again is written to again.
        outlet.write(&writer, b"end", &hurry).unwrap();
        drop(writer);
        reader.read_to_end(&mut bytes).unwrap();
        let output = bytes.strip_suffix(b"end").unwrap();
        assert!(output.iter().all(|byte| *byte == b'x'), "{} bytes", output.len());
    }

    #[test]
    fn a_reader_that_is_gone_is_told() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let gone = Outlet::default().write(&writer, b"x", &AtomicBool::new(false));
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
