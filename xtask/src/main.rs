//! The maintainer's command.

fn main() -> std::process::ExitCode {
    xtask::main()
}
