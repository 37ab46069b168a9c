//! Progress on standard error, when that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Shows a bar for `total` bytes of input.
pub fn bytes(what: &'static str, total: u64) -> ProgressBar {
    bar(what, total, "{prefix:>12} {wide_bar} {bytes}/{total_bytes} {msg} {eta}")
}

/// Shows a bar for `total` steps.
pub fn count(what: &'static str, total: u64) -> ProgressBar {
    bar(what, total, "{prefix:>12} {wide_bar} {human_pos}/{human_len} {msg} {eta}")
}

fn bar(what: &'static str, total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the templates above are valid");
    ProgressBar::new(total).with_style(style).with_prefix(what)
}

/// Shows a spinner; its message names the stage.
pub fn stages() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
