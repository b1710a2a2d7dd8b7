//! Writes the record of what the targets say of the corpus: `cargo run -p fuzz --example verdicts`.

fn main() -> std::io::Result<()> {
    std::fs::write(fuzz::RECORD, fuzz::verdicts()?)
}
