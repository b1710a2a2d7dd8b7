//! SHA-256 digests and the adapter that takes them while bytes pass. Relies on `sha2`.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2_0_11::Digest as _;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

/// Text that is no SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a SHA-256 digest of 64 lower-case hexadecimal digits, found {0:?}")]
pub struct Sha256Error(String);

impl Sha256 {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2_0_11::Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || Sha256Error(text.chars().take(80).collect());
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| refused())?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Sha256Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

/// Size and digest of bytes that really passed through a [`Meter`].
///
/// Nothing else makes one, so that a size or a digest somebody merely claims cannot stand in for
/// one that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    size: u64,
    sha256: Sha256,
}

impl Measured {
    /// Measures bytes that are already in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sha256: Sha256::of(bytes),
        }
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Digest of those bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }
}

/// Wraps a reader or a writer and measures every byte that passes.
pub struct Meter<T> {
    inner: T,
    size: u64,
    hash: sha2_0_11::Sha256,
}

impl<T> Meter<T> {
    /// Starts at zero bytes.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            size: 0,
            hash: sha2_0_11::Sha256::new(),
        }
    }

    /// Ends the measurement.
    pub fn finish(self) -> (T, Measured) {
        let measured = Measured {
            size: self.size,
            sha256: Sha256(self.hash.finalize().into()),
        };
        (self.inner, measured)
    }

    fn record(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
    }
}

impl<R: Read> Meter<R> {
    /// Reads to the end and measures what was read, in constant memory.
    ///
    /// # Errors
    /// When the reader fails.
    pub fn drain(reader: R) -> io::Result<Measured> {
        let mut meter = Meter::new(reader);
        // Few pages for a small file, few calls for a large one.
        let (least, most) = (16 * 1024, 128 * 1024);
        let mut buffer = vec![0; least];
        loop {
            match meter.read(&mut buffer)? {
                0 => return Ok(meter.finish().1),
                count if count == least => buffer.resize(most, 0),
                _ => {}
            }
        }
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.record(&buffer[..count]);
                    return Ok(count);
                }
            }
        }
    }
}

impl<W: Write> Write for Meter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.record(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_is_drained_is_measured_to_the_last_byte_whatever_its_size() {
        for size in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 300_000] {
            let bytes: Vec<u8> = (0..size).map(|at: u32| at as u8).collect();
            assert_eq!(Meter::drain(&*bytes).unwrap(), Measured::of(&bytes));
        }
    }

    #[test]
    fn a_digest_is_that_of_the_bytes_and_prints_as_it_parses() {
        assert_eq!(Sha256::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse::<Sha256>().unwrap(), Sha256::of(b"abc"));
    }

    #[test]
    fn upper_case_short_long_and_odd_digests_are_refused() {
        for bad in [&ABC.to_uppercase(), &ABC[1..], &format!("{ABC}0"), "", "zz"] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_meter_measures_what_passes_in_either_direction() {
        let mut writer = Meter::new(Vec::new());
        writer.write_all(b"ab").unwrap();
        writer.write_all(b"c").unwrap();
        let (bytes, measured) = writer.finish();
        assert_eq!(bytes, b"abc");
        assert_eq!(measured, Measured::of(b"abc"));
        assert_eq!(Meter::drain(&b"abc"[..]).unwrap(), measured);
    }
}
