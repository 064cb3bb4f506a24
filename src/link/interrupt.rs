//! Signals of the operating system, as a flag that the bench looks at on every wake.
//!
//! A second signal changes nothing: the first already leads to the safe state, and cutting that short would hurt.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
};
use tokio::signal::unix::{SignalKind, signal};

/// The signal that asked for the end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT (Ctrl-C).
    Int,
    /// SIGTERM, or SIGHUP (the terminal went away).
    Term,
}

/// Set once by the first signal.
#[derive(Clone, Debug, Default)]
pub struct InterruptFlag(Arc<AtomicU8>);

impl InterruptFlag {
    /// The signal received so far.
    pub fn get(&self) -> Option<Interrupt> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Interrupt::Int),
            2 => Some(Interrupt::Term),
            _ => None,
        }
    }

    /// Raises the flag; the first call wins.
    pub fn raise(&self, interrupt: Interrupt) {
        let value = if interrupt == Interrupt::Int { 1 } else { 2 };
        // Failure means that an earlier signal stands, which is what is wanted.
        let _ = self.0.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Starts a thread that turns SIGINT, SIGTERM and SIGHUP into this flag. SIGXFSZ, which would end the process where a
    /// file reaches its size limit, is taken and ignored: the write then fails like one on a full disk.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says to a signal handler.
    pub fn listen(&self) -> io::Result<()> {
        let flag = self.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let guard = runtime.enter();
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        drop(guard);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = int.recv() => flag.raise(Interrupt::Int),
                        _ = term.recv() => flag.raise(Interrupt::Term),
                        _ = hangup.recv() => flag.raise(Interrupt::Term),
                        _ = too_large.recv() => {}
                    }
                }
            });
        })?;
        Ok(())
    }
}
