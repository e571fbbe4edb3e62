//! Compiling in a process of its own: what it makes, what it cannot hurt, and what it does not know.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use toolward::config::Compile;
use toolward::plugin::{CompileError, Compiler};

const PLENTY: u64 = 4 << 30;

fn settings(memory: u64, time: Duration) -> Compile {
    Compile {
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_toolward"))),
        memory,
        time,
    }
}

async fn compile(settings: Compile, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
    let compiler = Compiler::new(settings, Handle::current());
    let task = tokio::task::spawn_blocking(move || compiler.compile(&component));
    task.await.unwrap()
}

/// An unsigned LEB128 number.
fn number(mut value: usize, into: &mut Vec<u8>) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            into.push(byte);
            return;
        }
        into.push(byte | 0x80);
    }
}

fn section(id: u8, content: &[u8], into: &mut Vec<u8>) {
    into.push(id);
    number(content.len(), into);
    into.extend_from_slice(content);
}

/// A component of one module with these function bodies.
fn component(bodies: &[Vec<u8>]) -> Vec<u8> {
    let (mut functions, mut code) = (Vec::new(), Vec::new());
    number(bodies.len(), &mut functions);
    number(bodies.len(), &mut code);
    for body in bodies {
        functions.push(0);
        number(body.len(), &mut code);
        code.extend_from_slice(body);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &[1, 0x60, 0, 0], &mut module);
    section(3, &functions, &mut module);
    section(10, &code, &mut module);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(1, &module, &mut component);
    component
}

/// A function whose many variables all live through many blocks: what it costs to place them grows with the product.
fn bomb(variables: usize, blocks: usize) -> Vec<u8> {
    const I64: u8 = 0x7e;
    const EMPTY: u8 = 0x40;
    let mut body = vec![1];
    number(variables, &mut body);
    body.push(I64);
    let mut random = 1_usize;
    let mut variable = |into: &mut Vec<u8>, op: u8| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        into.push(op);
        number((random >> 33) % variables, into);
    };
    body.extend([0x03, EMPTY]); // loop
    for _ in 0..blocks {
        body.extend([0x02, EMPTY]); // block
        variable(&mut body, 0x20); // local.get
        body.extend([0xa7, 0x0d, 0]); // i32.wrap_i64, br_if 0
        variable(&mut body, 0x20);
        variable(&mut body, 0x20);
        body.push(0x7c); // i64.add
        variable(&mut body, 0x21); // local.set
        body.push(0x0b); // end
    }
    variable(&mut body, 0x20);
    body.extend([0xa7, 0x0d, 0, 0x0b, 0x0b]); // br_if to the loop's beginning, end, end
    body
}

/// This process's memory, MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

/// The processes that this one has started.
fn children() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let lists =
        tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
    let lists: Vec<_> = lists.collect();
    let numbers = lists.iter().flat_map(|list| list.split_whitespace());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_ends_at_its_limit_and_leaves_the_host_as_it_was() {
    let one = component(&[bomb(4000, 100_000)]);
    let bodies: Vec<_> = (0..8).map(|_| bomb(4000, 100_000)).collect();
    let many = component(&bodies);
    let before = resident();
    let time = Duration::from_secs(3);
    let began = Instant::now();
    let ended = compile(settings(PLENTY, time), one).await;
    assert!(
        matches!(ended, Err(CompileError::Time { limit }) if limit == time),
        "{ended:?}"
    );
    let text = ended.unwrap_err().to_string();
    assert!(
        text.contains("longer than the limit of 3s\nhint: raise runtime.compile-time"),
        "{text}"
    );
    assert!(began.elapsed() < Duration::from_mins(1));

    let memory = 512 << 20;
    let long = Duration::from_mins(5);
    let ended = compile(settings(memory, long), many).await;
    assert!(
        matches!(ended, Err(CompileError::Memory { limit }) if limit == memory),
        "{ended:?}"
    );
    let text = ended.unwrap_err().to_string();
    assert!(
        text.contains("more than the limit of 536870912 bytes\nhint: raise runtime.compile-memory"),
        "{text}"
    );

    assert!(
        resident() < before + 256,
        "{} after {before} MiB",
        resident()
    );
    let good = compile(settings(PLENTY, long), component(&[vec![0, 0x0b]])).await;
    assert!(!good.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_has_limits_and_neither_environment_nor_files() {
    let task = tokio::spawn(compile(
        settings(PLENTY, Duration::from_secs(7)),
        component(&[bomb(4000, 100_000)]),
    ));
    // The limits are the first thing that it sets.
    let end = Instant::now() + Duration::from_mins(1);
    let (child, limits) = loop {
        assert!(Instant::now() < end, "no process is seen");
        let limits = children().into_iter().find_map(|child| {
            let limits = fs::read_to_string(format!("/proc/{child}/limits")).ok()?;
            limits
                .contains("Max cpu time              7                    8")
                .then_some((child, limits))
        });
        match limits {
            Some(found) => break found,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert!(
        limits.contains(&format!(
            "Max address space         {PLENTY}           {PLENTY}"
        )),
        "{limits}"
    );
    assert!(
        limits.contains("Max core file size        0                    0"),
        "{limits}"
    );
    assert!(
        limits.contains("Max file size             0                    0"),
        "{limits}"
    );
    let environment = fs::read(format!("/proc/{child}/environ")).unwrap();
    assert_eq!(environment, b"MALLOC_ARENA_MAX=2\0");
    assert_eq!(
        fs::read_link(format!("/proc/{child}/cwd")).unwrap(),
        PathBuf::from("/")
    );
    let open = fs::read_dir(format!("/proc/{child}/fd")).unwrap();
    let open: Vec<_> = open
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap())
        .collect();
    assert!(
        open.len() <= 3
            && open
                .iter()
                .all(|file| file.to_string_lossy().starts_with("pipe:")),
        "{open:?}"
    );
    let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    assert_eq!(fields.collect::<Vec<_>>()[16], "15", "{stat}");
    // Whoever no longer waits ends it.
    task.await.unwrap().unwrap_err();
    assert!(!children().contains(&child));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_with_the_compilers_words() {
    let limits = || settings(PLENTY, Duration::from_mins(1));
    for (bytes, words) in [
        (b"hello".to_vec(), ""),
        (component(&[vec![0, 0x20, 0, 0x0b]]), "unknown local"),
    ] {
        let ended = compile(limits(), bytes).await;
        let Err(CompileError::Component(text)) = ended else {
            panic!("{ended:?}");
        };
        assert!(text.contains(words) && !text.is_empty(), "{text}");
    }
    let nowhere = Compile {
        program: Some(PathBuf::from("/nowhere/toolward")),
        ..limits()
    };
    let ended = compile(nowhere, Vec::new()).await;
    assert!(
        matches!(ended, Err(CompileError::Start { .. })),
        "{ended:?}"
    );
    // Something that is no compiler.
    let other = Compile {
        program: Some(PathBuf::from("/bin/false")),
        ..limits()
    };
    assert!(compile(other, Vec::new()).await.is_err());
}

/// The same code, whoever compiles: an engine takes both.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_makes_what_the_host_itself_would_make() {
    let component = component(&[bomb(10, 100)]);
    let time = Duration::from_mins(1);
    let there = compile(settings(PLENTY, time), component.clone())
        .await
        .unwrap();
    let here = Compile {
        program: None,
        ..settings(PLENTY, time)
    };
    let compiler = Arc::new(Compiler::new(here, Handle::current()));
    let here = tokio::task::spawn_blocking(move || compiler.compile(&component));
    assert!(there == here.await.unwrap().unwrap());
}
