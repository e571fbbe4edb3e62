#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| toolward::fuzzing::run("config", data));
