//! A zip file in memory, after PKWARE's APPNOTE.TXT 6.3.10: sizes before the data, no extra field,
//! no zip64. The libraries for zip files compress by themselves or add fields of time, and would
//! make another file of it.

use jiff::civil::{DateTime, date};
use jiff::tz::Offset;
use release_plan::{Exit, Instant};

use crate::Failure;

/// 2.0, the first version that has deflate.
const VERSION: u16 = 20;
/// Who made it: Unix, whose modes the upper half of the attributes holds.
const UNIX: u16 = 3 << 8;
const REGULAR_FILE: u32 = 0o100_000;
const DEFLATE: u16 = 8;
/// The name is in UTF-8.
const UTF8: u16 = 1 << 11;

/// A zip file being written.
pub(super) struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
    time: [u8; 4],
}

impl Zip {
    /// An empty file, whose entries will all bear `time`.
    pub(super) fn new(time: Instant) -> Self {
        Self {
            bytes: Vec::new(),
            directory: Vec::new(),
            entries: 0,
            time: dos_time(time),
        }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<(), Failure> {
        let mut compressor = super::compressor();
        let mut deflated = vec![0; compressor.deflate_compress_bound(content.len())];
        let size = compressor.deflate_compress(content, &mut deflated)?;
        deflated.truncate(size);

        let flags = if name.is_ascii() { 0 } else { UTF8 };
        let mut described = Vec::new();
        for field in [VERSION, flags, DEFLATE] {
            described.extend(field.to_le_bytes());
        }
        described.extend(self.time);
        described.extend(libdeflater::crc32(content).to_le_bytes());
        described.extend(four(deflated.len())?);
        described.extend(four(content.len())?);
        described.extend(two(name.len())?);
        described.extend([0; 2]); // no extra field

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend((UNIX | VERSION).to_le_bytes());
        self.directory.extend(&described);
        self.directory.extend([0; 6]); // no comment, first disk, not known to be text
        self.directory
            .extend(((REGULAR_FILE | mode) << 16).to_le_bytes());
        self.directory.extend(four(self.bytes.len())?);
        self.directory.extend(name.as_bytes());

        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(described);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(deflated);
        self.entries += 1;
        Ok(())
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Failure> {
        let (start, size) = (four(self.bytes.len())?, four(self.directory.len())?);
        self.bytes.extend(self.directory);
        self.bytes.extend(b"PK\x05\x06");
        self.bytes.extend([0; 4]); // one disk
        self.bytes.extend(self.entries.to_le_bytes());
        self.bytes.extend(self.entries.to_le_bytes());
        self.bytes.extend(size);
        self.bytes.extend(start);
        self.bytes.extend([0; 2]); // no comment
        Ok(self.bytes)
    }
}

fn four(size: usize) -> Result<[u8; 4], Failure> {
    let size = u32::try_from(size).map_err(|_| too_large())?;
    Ok(size.to_le_bytes())
}

fn two(size: usize) -> Result<[u8; 2], Failure> {
    let size = u16::try_from(size).map_err(|_| too_large())?;
    Ok(size.to_le_bytes())
}

fn too_large() -> Failure {
    Failure::new(Exit::Input, "expected what a zip file can hold, found more")
}

/// Time and date as MS-DOS had them: steps of two seconds from 1980 to 2107, here in UTC.
fn dos_time(time: Instant) -> [u8; 4] {
    let utc = jiff::Timestamp::from_second(time.seconds())
        .map(|time| Offset::UTC.to_datetime(time))
        .unwrap_or_default();
    let last = date(2107, 12, 31).at(23, 59, 58, 0);
    let utc: DateTime = utc.clamp(date(1980, 1, 1).at(0, 0, 0, 0), last);
    let fields = [
        (utc.year() - 1980, 25),
        (utc.month().into(), 21),
        (utc.day().into(), 16),
        (utc.hour().into(), 11),
        (utc.minute().into(), 5),
        ((utc.second() / 2).into(), 0),
    ];
    fields
        .iter()
        .map(|&(value, shift): &(i16, u32)| u32::from(value.unsigned_abs()) << shift)
        .fold(0, |packed, field| packed | field)
        .to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(seconds: i64) -> (u16, u16) {
        let [a, b, c, d] = dos_time(Instant::from_seconds(seconds).unwrap());
        (u16::from_le_bytes([c, d]), u16::from_le_bytes([a, b]))
    }

    #[test]
    fn a_time_is_packed_as_ms_dos_did() {
        // 2026-11-21T06:13:05Z, an odd second.
        let (date, time) = packed(1_795_241_585);
        assert_eq!((date >> 9, date >> 5 & 15, date & 31), (46, 11, 21));
        assert_eq!((time >> 11, time >> 5 & 63, time & 31), (6, 13, 2));
    }

    #[test]
    fn a_time_outside_the_years_of_ms_dos_is_the_nearest_within() {
        let first = (1 << 5 | 1, 0);
        assert_eq!(packed(0), first);
        assert_eq!(packed(-1), first);
        // Midnight of 1980, and a second before.
        assert_eq!(packed(315_532_800), first);
        assert_eq!(packed(315_532_799), first);
        assert_eq!(packed(315_532_802), (1 << 5 | 1, 1));
        let last = (127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29);
        assert_eq!(packed(253_000_000_000), last);
    }
}
