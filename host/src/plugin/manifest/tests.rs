use super::*;

/// The smallest component: the preamble of the component model's binary format.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

const SMALL: &str = "name = \"echo\"\nversion = \"1.2.3\"\ndescription = \"Says it back\"\n";

const FULL: &str = r#"
name = "shop"
version = "1.2.3-rc.1+build"
description = "Orders of a shop"
publisher = "Shop Ltd"
licence = "Apache-2.0"
homepage = "https://shop.example"
links = { source = "https://git.example/shop" }
instructions = "First this,\nthen that."

[[backends]]
name = "shop"
purpose = "to read orders"
requests = ["GET /v1/orders/*", "POST /v1/orders"]
credentials = ["oauth2", "header"]

[[imports]]
name = "changes"
reason = "orders come and go"

[asks.form]
reason = "to have cancellations confirmed"

[asks.visit]
reason = "to let people pay"
urls = ["https://pay.example/orders"]

[settings]
type = "object"
additionalProperties = false
[settings.properties.page-size]
type = "integer"
maximum = 100

[limits]
memory = "32 MiB"
cpu-time = "2 s"
concurrency = 8
"#;

fn manifest(text: &str) -> Manifest {
    text.parse().expect("a manifest")
}

#[test]
fn a_packed_manifest_is_read_back() {
    for text in [SMALL, FULL] {
        let packed = pack(EMPTY, &manifest(text)).expect("packs");
        assert_eq!(read(&packed).expect("reads"), manifest(text));
    }
}

#[test]
fn the_names_of_a_components_parts_are_left_out() {
    // A custom section `component-name`, one of another name, and a core module in which there is such a section too.
    let names = b"\x00\x0f\x0ecomponent-name";
    let other = b"\x00\x07\x05otherx";
    let module = b"\x01\x19\0asm\x01\0\0\0\x00\x0f\x0ecomponent-name";
    let whole = [EMPTY, names, other, module, names].concat();
    let kept = [EMPTY, other, module].concat();
    let packed = pack(&whole, &manifest(SMALL)).expect("packs");
    assert_eq!(packed, pack(&kept, &manifest(SMALL)).expect("packs"));
    assert!(packed.starts_with(&kept));
}

#[test]
fn what_is_asked_for_has_its_reason() {
    let wants = manifest(FULL);
    let wants: Vec<_> = wants.wants();
    assert_eq!(
        wants,
        [
            (Grant::Changes, "orders come and go"),
            (Grant::Http, "to reach the backends below"),
            (Grant::Form, "to have cancellations confirmed"),
            (Grant::Visit, "to let people pay"),
        ]
    );
    assert_eq!(manifest(SMALL).wants(), []);
}

#[test]
fn what_is_not_one_of_ours_is_named() {
    let packed = pack(EMPTY, &manifest(SMALL)).expect("packs");
    let mut twice = packed.clone();
    twice.extend_from_slice(&packed[EMPTY.len()..]);
    let table: [(&[u8], &str); 5] = [
        (b"hello", "not a WebAssembly component"),
        (b"\0asm\x01\0\0\0", "core WebAssembly module"),
        (EMPTY, "has no manifest"),
        (&twice, "has 2 manifests"),
        (&packed[..packed.len() - 3], "not a WebAssembly component"),
    ];
    for (bytes, expected) in table {
        let error = read(bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(matches!(
        pack(&packed, &manifest(SMALL)),
        Err(ManifestError::Several(2))
    ));
}

#[test]
fn an_unknown_key_is_an_error_with_its_place() {
    let error = format!("{SMALL}author = \"y\"")
        .parse::<Manifest>()
        .expect_err("unknown key");
    assert!(
        error.contains("line 4") && error.contains("author"),
        "{error}"
    );
}

/// A packed component whose section holds this JSON, whatever `pack` would say of it.
fn forged(json: &str) -> Vec<u8> {
    let size = u8::try_from(1 + SECTION.len() + json.len());
    let mut component = EMPTY.to_vec();
    component.push(0);
    match size {
        Ok(size) if size < 128 => component.push(size),
        _ => {
            let mut size = 1 + SECTION.len() + json.len();
            while size >= 128 {
                component.push(u8::try_from(size & 0x7f).expect("seven bits") | 0x80);
                size >>= 7;
            }
            component.push(u8::try_from(size).expect("seven bits"));
        }
    }
    component.push(u8::try_from(SECTION.len()).expect("a short name"));
    component.extend_from_slice(SECTION.as_bytes());
    component.extend_from_slice(json.as_bytes());
    component
}

#[test]
fn a_forged_manifest_is_judged_like_a_written_one() {
    let with = |more: &str| {
        format!(r#"{{"name":"echo","version":"1.0.0","description":"Says it back"{more}}}"#)
    };
    assert!(read(&forged(&with(""))).is_ok());
    let long = format!(r#","instructions":"{}""#, "x".repeat(300 * 1024));
    let table = [
        (with(r#","author":"me""#), "unknown field `author`"),
        (with(r#","name":"other""#), "duplicate field"),
        (with(&long), "at most 262144 are taken"),
        (
            with(&format!(r#","instructions":"{}""#, "x".repeat(20_000))),
            "`instructions` has 20000 bytes",
        ),
        (
            with(r#","publisher":"\u001b[2Jroot""#),
            "`publisher` has a control character",
        ),
        (
            with(r#","publisher":"\u202elive""#),
            "`publisher` has a control character",
        ),
        (
            with(r#","homepage":"javascript:alert(1)""#),
            "`homepage` is not a link",
        ),
        (
            with(r#","backends":[{"name":"a","purpose":"p","requests":["GET a"]}]"#),
            "`GET a`",
        ),
        (
            with(r#","backends":[{"name":"a","purpose":"p"},{"name":"a","purpose":"p"}]"#),
            "backend `a` is there twice",
        ),
        (
            with(r#","imports":[{"name":"filesystem","reason":"r"}]"#),
            "unknown variant `filesystem`",
        ),
        (
            with(r#","imports":[{"name":"http","reason":"r"},{"name":"http","reason":"r"}]"#),
            "import `http` is there twice",
        ),
        (
            with(r#","asks":{"visit":{"reason":"r","urls":[]}}"#),
            "`asks.visit.urls` is empty",
        ),
        (
            with(r#","asks":{"visit":{"reason":"r","urls":["https://u:p@a.example/"]}}"#),
            "not the beginning of a link",
        ),
        (
            with(r#","settings":{"type":"array"}"#),
            "not the schema of a table",
        ),
        (
            with(r#","settings":{"type":"object","properties":{"a":{"$ref":"http://a.example"}}}"#),
            "`settings` is not a JSON Schema",
        ),
        (
            with(r#","limits":{"memory":"lots"}"#),
            "`limits.memory` is not a size",
        ),
        (
            with(r#","limits":{"concurrency":0}"#),
            "`limits.concurrency` is zero",
        ),
    ];
    for (json, expected) in table {
        let error = read(&forged(&json)).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[test]
fn suggested_limits_are_held_against_the_given_ones() {
    let given = config::Limits {
        memory: 64 << 20,
        host_memory: 16 << 20,
        cpu_time: Duration::from_secs(5),
        wall_time: Duration::from_mins(1),
        concurrency: 32,
        queue: 128,
        calls_per_second: None,
        result_bytes: 4 << 20,
        continuation_bytes: 64 << 10,
        log_bytes: 1 << 20,
        max_entries: 1000,
    };
    let beyond = |limits: &str| {
        let manifest = manifest(&format!("{SMALL}[limits]\n{limits}"));
        manifest.limits.beyond(&given)
    };
    let more = [
        ("memory", "\"65 MiB\""),
        ("host-memory", "\"1 GiB\""),
        ("cpu-time", "\"5001 ms\""),
        ("wall-time", "\"2 min\""),
        ("concurrency", "33"),
        ("result-size", "\"5 MiB\""),
    ];
    for (key, value) in more {
        let expected = vec![(key, value.trim_matches('"').to_owned())];
        assert_eq!(beyond(&format!("{key} = {value}")), expected, "{key}");
    }
    let less = "memory = \"64 MiB\"\ncpu-time = \"5 s\"\nconcurrency = 32\nresult-size = \"1 B\"";
    assert_eq!(beyond(less), []);
}

/// The parser must answer whatever it is given, and what it takes must be what `check` takes: a manifest that is read can be
/// packed and read again. The same seeds every time, so that a failure comes back.
#[test]
fn whatever_a_component_holds_is_read_or_refused() {
    let packed = pack(EMPTY, &manifest(FULL)).expect("packs");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut bytes = packed.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(5) {
                0 => bytes[at] = u8::try_from(random.below(256)).expect("a byte"),
                1 => bytes[at] ^= 1 << random.below(8),
                2 => drop(bytes.remove(at)),
                3 => bytes.truncate(at.max(1)),
                _ => {
                    let piece = bytes[at..].to_vec();
                    let most = random.below(piece.len()) + 1;
                    let to = random.below(bytes.len());
                    bytes.splice(to..to, piece.into_iter().take(most));
                }
            }
        }
        let _ = interfaces(&bytes);
        let Ok(found) = read(&bytes) else { continue };
        taken += 1;
        let again = pack(EMPTY, &found).expect("what is read is a manifest");
        assert_eq!(read(&again).expect("and is read again"), found);
    }
    assert!(taken > 100, "only {taken} were taken: nothing is tried");
}

#[test]
fn whatever_is_written_in_a_manifest_is_read_or_refused() {
    let mut random = Random(42);
    for _ in 0..5_000 {
        let mut text: Vec<char> = FULL.chars().collect();
        for _ in 0..=random.below(4) {
            let (at, from) = (random.below(text.len()), random.below(text.len()));
            match random.below(3) {
                0 => text[at] = text[from],
                1 => drop(text.remove(at)),
                _ => text.insert(at, ['\0', '"', '[', '=', '\u{202e}', '9'][random.below(6)]),
            }
        }
        let text: String = text.into_iter().collect();
        if let Ok(found) = text.parse::<Manifest>() {
            let packed = pack(EMPTY, &found).expect("what is read is a manifest");
            assert_eq!(read(&packed).expect("reads"), found);
        }
    }
}

/// Enough to damage things in many ways (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).expect("less than a usize")
    }
}
