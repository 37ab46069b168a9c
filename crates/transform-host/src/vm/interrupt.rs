//! A way to end a VM's call from another thread.
//!
//! The module's code has no checks for it: fuel is counted anyway, and whenever a record or the start
//! has taken [`YIELD_FUEL`] more, wasmtime hands control back to the host, which looks at a flag. Most
//! records end long before; so that a batch of many ends too, `read_next_record` looks as well.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use wasmtime::Error;

use crate::fault::HostError;
use crate::limits::Limits;
use crate::vm::host::{Shared, lock};

/// Fuel after which the host looks: two milliseconds as the broker counts them.
pub(crate) const YIELD_FUEL: u64 = 2 * Limits::FUEL_PER_MS;

/// A handle that ends a [`Vm`](crate::Vm)'s call from another thread. It is [`Send`], [`Sync`] and
/// cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Interrupter(Arc<AtomicBool>);

impl Interrupter {
    /// Ends the call of [`Vm::start`](crate::Vm::start) or [`Vm::process`](crate::Vm::process) that is
    /// under way, otherwise the next one, with [`Fault::Interrupted`](crate::Fault::Interrupted).
    ///
    /// It does not wait: the call ends within milliseconds. Two interrupts before that are one, and
    /// [`Vm::stop`](crate::Vm::stop) forgets them.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether a call has to end.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns whether a call has to end, and lets the one after it run.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Runs a module's code until its end, its next wait for a batch, or an interrupt.
    pub(crate) async fn watch<T>(
        &self,
        shared: &Mutex<Shared>,
        code: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut code = pin!(code);
        poll_fn(|context| {
            loop {
                match code.as_mut().poll(context) {
                    Poll::Pending if lock(shared).waits => return Poll::Pending,
                    Poll::Pending if self.is_set() => {
                        return Poll::Ready(Err(HostError::Interrupted.into()));
                    }
                    Poll::Pending => {}
                    ready => return ready,
                }
            }
        })
        .await
    }
}
