//! What happens between a check and what is done after it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::{Workshop, manifest, place, publisher, run, served, shop};

/// The file is replaced all the time, by something that nobody signed: whatever the host compiles is what it checked.
#[test]
fn a_component_that_is_replaced_between_check_and_load() {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    let good = workshop.signed("good.wasm", "shop", "1.0.0", "ours");
    let evil = workshop.pack("evil.wasm", &manifest("shop", "6.6.6"));
    let deployment = shop(&publisher(&key, "shop"));
    place(&deployment, &good);
    served(&deployment);

    let (stop, swapped) = (AtomicBool::new(false), AtomicBool::new(false));
    let target = deployment.folder().join("shop.wasm");
    let next = deployment.folder().join("next.wasm");
    let mut answers = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Sometimes faster than anybody can read, sometimes slower than the slowest machine.
            let mut pauses = [0, 1, 2, 5, 10, 30, 100, 300].into_iter().cycle();
            while !stop.load(Ordering::Relaxed) {
                let pause = Duration::from_millis(pauses.next().unwrap_or_default());
                for plugin in [&evil, &good] {
                    fs::copy(plugin, &next).unwrap();
                    fs::rename(&next, &target).unwrap();
                    std::thread::sleep(pause);
                }
                swapped.store(true, Ordering::Relaxed);
            }
        });
        let end = Instant::now() + Duration::from_mins(3);
        let mut runs = 0;
        while runs < 30 || (answers.contains(&0) && Instant::now() < end) {
            runs += 1;
            let tools = run(&deployment, &["tools", "--json"]);
            let tools = tools.json();
            let versions: Vec<_> = tools["tools"].as_array().unwrap().iter().collect();
            assert!(
                versions.iter().all(|tool| tool["version"] == "1.0.0"),
                "{tools}"
            );
            answers[usize::from(versions.is_empty())] += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(swapped.load(Ordering::Relaxed));
    assert!(
        answers[0] > 0 && answers[1] > 0,
        "served and refused: {answers:?}"
    );
}

/// Compiled code is trusted: what somebody puts into the cache is not executed.
#[test]
fn a_planted_cache_file() {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    let plugin = workshop.signed("good.wasm", "shop", "1.0.0", "ours");
    let deployment = shop(&publisher(&key, "shop"));
    place(&deployment, &plugin);
    let text = fs::read_to_string(deployment.config()).unwrap();
    let text: Vec<String> = text
        .lines()
        .map(|line| {
            if line.starts_with("cache-dir") {
                "cache-dir = \"cache\"".to_owned()
            } else {
                line.to_owned()
            }
        })
        .collect();
    deployment.write("toolward.toml", &text.join("\n"));
    served(&deployment);

    let cache = deployment.folder().join("cache");
    let entry = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "cwasm"))
        .unwrap();
    let mut planted = fs::read(&entry).unwrap();
    let middle = planted.len() / 2;
    planted[middle] ^= 0xff;
    fs::write(&entry, planted).unwrap();
    let call = [
        "call",
        "echo",
        "--args",
        "{\"text\":\"still mine\"}",
        "--log",
        "warn",
    ];
    let ran = run(&deployment, &call).succeeded();
    assert_eq!(ran.stdout.trim(), "still mine");
    assert!(
        ran.stderr
            .contains("is not what this host wrote; compiling it anew"),
        "{ran:?}"
    );

    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let ran = run(&deployment, &call);
    assert_ne!(ran.code, 0);
    assert!(
        ran.stderr.contains("compiled code in it could be planted"),
        "{ran:?}"
    );
}
