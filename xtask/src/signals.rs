//! Signals as flags: Ctrl-C and SIGTERM ask for a clean end; SIGUSR1 and SIGUSR2 stop and start the control plane of a
//! running `cargo xtask dev` (that is how `cargo xtask demo` shows the edge surviving it).

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;

#[derive(Debug, Default)]
struct Flags {
    stop: Arc<AtomicBool>,
    stop_control_plane: Arc<AtomicBool>,
    start_control_plane: Arc<AtomicBool>,
}

fn flags() -> &'static Flags {
    static FLAGS: OnceLock<Flags> = OnceLock::new();
    FLAGS.get_or_init(Flags::default)
}

/// Called once, before anything is started.
pub fn install() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&flags().stop))?;
    }
    flag::register(SIGUSR1, Arc::clone(&flags().stop_control_plane))?;
    flag::register(SIGUSR2, Arc::clone(&flags().start_control_plane))?;
    Ok(())
}

/// Somebody asked us to end.
pub fn stop_requested() -> bool {
    flags().stop.load(Ordering::Relaxed)
}

/// True once per SIGUSR1.
pub fn take_stop_control_plane() -> bool {
    flags().stop_control_plane.swap(false, Ordering::Relaxed)
}

/// True once per SIGUSR2.
pub fn take_start_control_plane() -> bool {
    flags().start_control_plane.swap(false, Ordering::Relaxed)
}
