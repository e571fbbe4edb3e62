//! Fuzzing: a stranger's manifest, as the file that authors write, as the section's JSON, and as a whole component.

use super::{Manifest, SECTION, interfaces, pack, read, section_digest};

/// The smallest component: the preamble of the component model's binary format.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// Reads the data as what it begins like.
pub(crate) fn manifest(data: &[u8]) {
    match data.first() {
        Some(0) => {
            component(data);
        }
        Some(b'{') => {
            if let Some(manifest) = component(&forged(data)) {
                comes_back(&manifest);
            }
        }
        Some(_) | None => {
            let text = std::str::from_utf8(data).ok();
            if let Some(Ok(manifest)) = text.map(str::parse::<Manifest>) {
                comes_back(&manifest);
            }
        }
    }
}

fn component(bytes: &[u8]) -> Option<Manifest> {
    // Who would pack it, and who asks what it exports, looks at it before anybody has judged it.
    let _ = section_digest(bytes);
    if let Ok(names) = interfaces(bytes) {
        assert!(names.iter().all(|name| !name.contains(char::is_control)));
    }
    match read(bytes) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(char::is_control), "it steers: {text:?}");
            assert!(text.len() < 4096, "{} bytes of error", text.len());
            None
        }
    }
}

/// What was taken is what its author wrote: packed, it reads as the same. And nothing in it steers a terminal.
fn comes_back(manifest: &Manifest) {
    let shown = [
        Some(&manifest.description),
        manifest.publisher.as_ref(),
        manifest.licence.as_ref(),
        manifest.homepage.as_ref(),
        manifest.self_check.as_ref(),
    ];
    let mut shown = shown.into_iter().flatten();
    assert!(shown.all(|text| !text.contains(char::is_control)));
    assert!(
        manifest
            .wants()
            .iter()
            .all(|(grant, _)| manifest.asks_for(*grant))
    );
    let packed = pack(EMPTY, manifest);
    if let Ok(packed) = packed {
        let again = read(&packed).expect("what was packed is read");
        assert_eq!(plain(again), plain(manifest.clone()));
        assert!(pack(&packed, manifest).is_err(), "there is one already");
    }
}

/// With patterns as they are printed, not as they were written: that is what is packed.
fn plain(mut manifest: Manifest) -> Manifest {
    for backend in &mut manifest.backends {
        for request in &mut backend.requests {
            request.text = request.to_string();
        }
    }
    manifest
}

/// A component with this section, whatever `pack` would say of it.
fn forged(section: &[u8]) -> Vec<u8> {
    let mut component = EMPTY.to_vec();
    component.push(0);
    let size = 1 + SECTION.len() + section.len();
    // Five bytes always hold it; the format allows the zeros.
    for shift in [0, 7, 14, 21] {
        component.push((size >> shift).to_le_bytes()[0] & 0x7f | 0x80);
    }
    component.push((size >> 28).to_le_bytes()[0] & 0x0f);
    component.push(u8::try_from(SECTION.len()).expect("a short name"));
    component.extend_from_slice(SECTION.as_bytes());
    component.extend_from_slice(section);
    component
}
