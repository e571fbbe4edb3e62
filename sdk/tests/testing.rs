//! What a failing test says: the messages of `toolward_sdk::testing`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use toolward_sdk::prelude::*;
use toolward_sdk::testing::{Exchange, Host};
use toolward_sdk::{Backend, LogLevel, NoticeLevel};

/// Sends two requests.
#[tool]
fn two(cx: &Context) -> Result<()> {
    let http = cx.http("vbr");
    http.post("/a").json(&json!({"n": 1})).send()?;
    http.get("/b").query("q", 2).send()?;
    Ok(())
}

#[derive(Deserialize)]
struct Settings {
    limit: u8,
}

/// Looks at everything that a context has.
#[tool(read_only)]
fn look(cx: &Context) -> Result<Value> {
    let settings: Settings = cx.settings()?;
    cx.notify(NoticeLevel::Notice, "looking")?;
    cx.log(
        LogLevel::Info,
        "looked",
        &[("limit", &settings.limit.to_string())],
    );
    cx.sleep(Duration::from_secs(1))?;
    Ok(json!({
        "limit": settings.limit,
        "kinds": cx.backends().into_iter().map(|backend| backend.kind).collect::<Vec<_>>(),
        "left": cx.time_left().as_secs(),
        "key": cx.idempotency_key(),
    }))
}

plugin!(two, look);

fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("the test should fail");
    panic
        .downcast_ref::<String>()
        .expect("a formatted message")
        .clone()
}

#[test]
fn an_unexpected_request_is_shown_beside_what_was_expected() {
    let message = panic_of(|| {
        let host = Host::new(&PLUGIN)
            .expect(Exchange::post("vbr", "/a").json(&json!({"n": 2})))
            .expect(
                Exchange::get("vbr", "/b")
                    .query("q", 2)
                    .header("x", "y")
                    .no_query("z"),
            );
        let _ = host.call("two", json!({}));
    });
    assert_eq!(
        message,
        "nobody expected this request:
  POST http://vbr/a
    content-type: application/json
    accept: application/json
    {\"n\":1}
still expected:
  POST http://vbr/a, {\"n\":2}
  GET http://vbr/b?q=2, no query `z`, x: y
"
    );
}

#[test]
fn the_order_counts_where_that_is_asked_for() {
    let script = |host: Host| {
        host.expect(Exchange::get("vbr", "/b"))
            .expect(Exchange::post("vbr", "/a"))
    };
    assert_eq!(
        script(Host::new(&PLUGIN))
            .call("two", json!({}))
            .requests
            .len(),
        2
    );
    let message = panic_of(|| {
        let _ = script(Host::new(&PLUGIN).in_order()).call("two", json!({}));
    });
    assert!(
        message.contains("expected next, in this order:\n  GET http://vbr/b\n"),
        "{message}"
    );
}

#[test]
fn an_expected_request_that_never_came_fails_the_test() {
    let message = panic_of(|| {
        let _host = Host::new(&PLUGIN)
            .expect(Exchange::get("vbr", "/b"))
            .expect(Exchange::get("vbr", "/maybe").always());
    });
    assert_eq!(
        message,
        "these expected requests never came:\n  GET http://vbr/b"
    );
}

#[test]
fn a_test_sees_what_a_tool_sees_and_leaves_behind() {
    let host = Host::new(&PLUGIN)
        .settings(json!({"limit": 7}))
        .time_left(Duration::from_secs(5))
        .backend(Backend::named("pve"));
    let called = host.call("look", json!({}));
    assert_eq!(
        called.structured(),
        json!({"limit": 7, "kinds": ["pve"], "left": 4, "key": "test-call"})
    );
    assert_eq!(called.notices[0].data, json!("looking"));
    assert_eq!(
        called.logs[0].fields,
        [("limit".to_owned(), "7".to_owned())]
    );
}

#[test]
fn wrong_settings_name_the_key() {
    let host = Host::new(&PLUGIN).settings(json!({"limit": 700}));
    let called = host.call("look", json!({}));
    assert_eq!(
        called.error().message,
        "setting `limit` of this plugin: invalid value: integer `700`, expected u8"
    );
}

#[test]
fn an_unknown_tool_is_an_error_of_the_request() {
    let called = Host::new(&PLUGIN).call("nope", json!({}));
    assert_eq!(
        called.result.unwrap_err().to_string(),
        "this plugin has no tool `nope`"
    );
}

#[test]
fn a_backend_for_reading_only_hides_the_tools_that_may_write() {
    let names = |host: Host| -> Vec<_> { host.tools().iter().map(|tool| tool.name).collect() };
    let mut backend = Backend::named("vbr");
    assert_eq!(names(Host::new(&PLUGIN)), ["two", "look"]);
    assert_eq!(
        names(Host::new(&PLUGIN).backend(backend.clone())),
        ["two", "look"]
    );
    backend.read_only = true;
    assert_eq!(names(Host::new(&PLUGIN).backend(backend.clone())), ["look"]);
    let both = Host::new(&PLUGIN)
        .backend(backend)
        .backend(Backend::named("other"));
    assert_eq!(names(both), ["two", "look"]);
}

#[test]
fn a_tool_whose_arguments_are_no_object_is_found_by_any_test() {
    mod wrong {
        use toolward_sdk::prelude::*;

        /// Takes a text.
        #[tool]
        fn bare(args: String) -> Result<String> {
            Ok(args)
        }

        plugin!(bare);
    }

    let message = panic_of(|| drop(Host::new(&wrong::PLUGIN)));
    assert_eq!(
        message,
        "tool `bare` takes \"string\"; its arguments are fields of a struct"
    );
}
