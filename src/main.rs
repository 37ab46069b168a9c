//! The transform's shell: environment, topics, and the SDK's callback. No logic.

#[cfg(target_os = "wasi")]
mod shell;

#[cfg(target_os = "wasi")]
fn main() {
    shell::run()
}

#[cfg(not(target_os = "wasi"))]
fn main() {
    eprintln!("This is a data transform: build it with `rpk transform build`, run it in a broker.");
    std::process::exit(2);
}
