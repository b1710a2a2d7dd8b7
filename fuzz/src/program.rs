//! A target as a program that libFuzzer drives.

pub use libfuzzer_sys;

/// The program of the target of this name, and how its inputs are mutated where libFuzzer's own
/// mutations would not get far.
#[macro_export]
macro_rules! program {
    ($name:literal) => {
        $crate::program::libfuzzer_sys::fuzz_target!(|input: &[u8]| {
            ($crate::Target::named($name).judge)(input);
        });
    };
    ($name:literal, $mutation:path) => {
        $crate::program!($name);
        $crate::program::libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, max_size: usize, seed: u32| {
                let bytes = $crate::program::libfuzzer_sys::fuzzer_mutate;
                $mutation(data, size, max_size, seed, bytes)
            }
        );
    };
}
