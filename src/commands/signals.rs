//! The signals that commands answer to.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::exit::{Error, INTERRUPTED};
use crate::report::Terminal;

/// Whether nobody answers to signals: what asks us to end then ends us.
static UNANSWERED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(true)));

/// A signal that reaches us and our caller reaches both within this time.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Ends as the caller wants: on signals with a code that it can pass on, and when it closes `socket`, which
/// it does once it has had a signal itself.
///
/// # Errors
/// Signals that cannot be waited for.
pub(super) fn follow(socket: Option<&str>) -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&asked))?;
        // Its caller would take the code of a process that a signal has ended for another one.
        flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&UNANSWERED))?;
    }
    // A caller that has no socket sends signals.
    let Some(Ok(mut connection)) = socket.map(connect) else {
        return Ok(());
    };
    std::thread::spawn(move || {
        let mut nothing = [0; 16];
        loop {
            match connection.read(&mut nothing) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        // Ctrl-C in a terminal is a signal to both of us, which must count once.
        std::thread::sleep(AT_ONCE);
        if !asked.load(Ordering::Relaxed) {
            let _ = low_level::raise(SIGINT);
        }
    });
    Ok(())
}

/// Connects to a socket by its path or, where it has none, its name, before which stands an `@`.
fn connect(address: &str) -> io::Result<UnixStream> {
    #[cfg(target_os = "linux")]
    if let Some(name) = address.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return UnixStream::connect_addr(&address);
    }
    UnixStream::connect(address)
}

/// The signals that ask us to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The first that came.
    first: Option<&'static str>,
    /// How many came.
    count: usize,
}

impl Signals {
    /// Also tells the terminal that there is hurry once one has come.
    pub(super) fn new(terminal: &Terminal) -> Result<Self, Error> {
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, terminal.hurry())?;
        }
        Self::passed_on()
    }

    /// For who passes them on, and does not answer to them.
    pub(super) fn passed_on() -> Result<Self, Error> {
        let signals = Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            first: None,
            count: 0,
        };
        UNANSWERED.store(false, Ordering::Relaxed);
        Ok(signals)
    }

    pub(super) async fn next(&mut self) {
        self.named().await;
    }

    /// Waits for the third from now on.
    pub(super) async fn third(&mut self) {
        for _ in 0..3 {
            self.next().await;
        }
    }

    /// As [`Signals::next`], with the signal's name.
    pub(super) async fn named(&mut self) -> &'static str {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        self.first.get_or_insert(name);
        self.count += 1;
        name
    }

    /// Takes note of one that has come while nobody waited for it.
    pub(super) async fn catch_up(&mut self) {
        tokio::select! {
            biased;
            () = self.next() => {}
            () = std::future::ready(()) => {}
        }
    }

    /// The first that came.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.first
    }

    /// How many came.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}
