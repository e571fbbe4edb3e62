//! The ordinary `minisign` tool and ours, in both directions.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::support::{Workshop, manifest, place, publisher, refused, run, served, shop};

/// Runs `minisign` in the workshop, with a password at hand.
#[track_caller]
fn minisign(workshop: &Workshop, arguments: &[&str], password: &str) -> String {
    let mut child = Command::new("minisign")
        .current_dir(workshop.path(""))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("minisign is installed: cargo xtask tools");
    let mut stdin = child.stdin.take().unwrap();
    // It may need none, and be gone.
    let _ = writeln!(stdin, "{password}\n{password}");
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn public_key(workshop: &Workshop, file: &str) -> String {
    let text = fs::read_to_string(workshop.path(file)).unwrap();
    text.lines().nth(1).unwrap().to_owned()
}

#[test]
fn what_minisign_signs_is_taken() {
    let workshop = Workshop::new();
    let generate = ["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"];
    minisign(&workshop, &generate, "");
    let deployment = shop(&publisher(&public_key(&workshop, "theirs.pub"), "shop"));
    let plugin = workshop.pack("shop.wasm", &manifest("shop", "1.0.0"));
    let sign = ["-S", "-s", "theirs.key", "-m", "shop.wasm"];
    let comment = ["-t", "name:shop version:1.0.0"];
    // Both kinds of signature, the legacy one and the one over the file's digest.
    for kind in [&["-l"][..], &[][..]] {
        minisign(&workshop, &[&sign[..], kind, &comment].concat(), "");
        place(&deployment, &plugin);
        served(&deployment);
    }
    minisign(&workshop, &sign, "");
    place(&deployment, &plugin);
    refused(
        &deployment,
        "does not say which plugin and version it is for",
    );
    minisign(
        &workshop,
        &[&sign[..], &["-t", "name:shop version:2.0.0"]].concat(),
        "",
    );
    place(&deployment, &plugin);
    refused(&deployment, "is for `shop` 2.0.0, and it is `shop` 1.0.0");
}

#[test]
fn what_we_sign_is_good_for_minisign() {
    let workshop = Workshop::new();
    fs::write(workshop.path("password"), "correct horse\n").unwrap();
    let made = workshop.run(&["plugin", "keygen", "ours", "--password-file", "password"]);
    assert!(made.succeeded().stdout.contains("[publishers."));
    workshop.pack("shop.wasm", &manifest("shop", "1.0.0"));
    let sign = [
        "plugin",
        "sign",
        "shop.wasm",
        "--key",
        "ours.key",
        "--password-file",
    ];
    workshop
        .run(&[&sign[..], &["password"]].concat())
        .succeeded();
    let key = public_key(&workshop, "ours.pub");
    let verified = minisign(&workshop, &["-V", "-m", "shop.wasm", "-P", &key], "");
    assert!(verified.contains("name:shop version:1.0.0"), "{verified}");

    fs::write(workshop.path("wrong"), "wrong\n").unwrap();
    let refused = workshop.run(&[&sign[..], &["wrong"]].concat());
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("cannot be opened"), "{refused:?}");
    assert!(!refused.stderr.contains("wrong\n"), "{refused:?}");
    // A key is not overwritten.
    let again = workshop.run(&["plugin", "keygen", "ours", "--unencrypted"]);
    assert!(
        again.code == 1 && again.stderr.contains("it is there already"),
        "{again:?}"
    );
}

/// Key files, too, go both ways.
#[test]
fn key_files_are_those_of_minisign() {
    let workshop = Workshop::new();
    let key = workshop.key("ours");
    workshop.pack("shop.wasm", &manifest("shop", "1.0.0"));
    let sign = [
        "-S",
        "-s",
        "ours.key",
        "-m",
        "shop.wasm",
        "-t",
        "name:shop version:1.0.0",
    ];
    minisign(&workshop, &sign, "");
    let deployment = shop(&publisher(&key, "shop"));
    place(&deployment, &workshop.path("shop.wasm"));
    served(&deployment);

    minisign(
        &workshop,
        &["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"],
        "",
    );
    workshop.sign("shop.wasm", "theirs");
    let deployment = shop(&publisher(&public_key(&workshop, "theirs.pub"), "shop"));
    place(&deployment, &workshop.path("shop.wasm"));
    served(&deployment);
    let verify = run(&deployment, &["plugin", "verify", "shop.wasm"]).succeeded();
    assert!(
        verify.stdout.contains("signed by publisher `ours`"),
        "{verify:?}"
    );
}
