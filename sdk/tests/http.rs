//! The HTTP client against a scripted backend: what goes out, and what becomes of each kind of answer.

use std::io::Read;
use std::time::Duration;

use toolward_sdk::prelude::*;
use toolward_sdk::testing::{Answer, Exchange, Host};

#[derive(Deserialize, JsonSchema)]
struct Id {
    id: String,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Job {
    name: String,
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Run {
    ok: bool,
}

/// Reads one job.
#[tool(read_only)]
fn read(cx: &Context, args: Id) -> Result<String> {
    let job: Job = cx
        .http("vbr")
        .header("x-api-version", "1.3-rev1")
        .get("/jobs")
        .segment(&args.id)
        .query("filter", "a+b & c")
        .query_opt("limit", Some(5))
        .query_opt("skip", None::<u32>)
        .send()?
        .json()?;
    Ok(job.name)
}

/// Logs in with a form, then deletes what `send` does not mind to be gone.
#[tool]
fn write(cx: &Context, args: Id) -> Result<u16> {
    let http = cx.http("vbr");
    http.post("/form")
        .form([("user", "a b"), ("x", "1+1=2")])
        .send()?;
    let gone = http
        .delete("/jobs")
        .segment(args.id)
        .header("Accept", "*/*")
        .any_status()
        .send()?;
    Ok(gone.status())
}

/// Reads a large answer piece by piece.
#[tool(read_only)]
fn stream(cx: &Context) -> Result<String> {
    let mut body = cx.http("vbr").get("/large").send()?.into_body();
    let mut piece = [0; 300];
    let mut total = 0;
    loop {
        match body.read(&mut piece)? {
            0 => return Ok(total.to_string()),
            count => total += count,
        }
    }
}

plugin!(read, write, stream);

fn job() -> Exchange {
    Exchange::get("vbr", "/jobs/a%2Fb").query("filter", "a+b & c")
}

fn read_job(answer: Answer) -> Result<String> {
    let host = Host::new(&PLUGIN).expect(job().answer(answer));
    let called = host.call("read", json!({"id": "a/b"}));
    called.result.clone().map(|_| called.text())
}

#[track_caller]
fn check(answer: Answer, kind: Trouble, message: &str) {
    match read_job(answer) {
        Err(Failure::Tool(error)) => {
            assert_eq!((error.kind, error.message.as_str()), (kind, message));
        }
        other => panic!("this is not an error of the tool: {other:?}"),
    }
}

#[test]
fn a_request_carries_what_it_was_given() {
    let host = Host::new(&PLUGIN).expect(
        job()
            .query("limit", 5)
            .no_query("skip")
            .header("x-api-version", "1.3-rev1")
            .header("accept", "application/json")
            .answer(Answer::json(
                &json!({"name": "Nightly", "runs": [{"ok": true}]}),
            )),
    );
    let called = host.call("read", json!({"id": "a/b"}));
    assert_eq!(called.text(), "Nightly");
    assert_eq!(
        called.requests[0].to_string(),
        "GET http://vbr/jobs/a%2Fb?filter=a+b & c&limit=5"
    );
}

#[test]
fn forms_are_escaped_and_any_status_is_an_answer_where_that_is_asked_for() {
    let host = Host::new(&PLUGIN)
        .in_order()
        .expect(
            Exchange::post("vbr", "/form")
                .header("content-type", "application/x-www-form-urlencoded")
                .body("user=a%20b&x=1%2B1%3D2"),
        )
        .expect(
            Exchange::delete("vbr", "/jobs/7")
                .header("accept", "*/*")
                .answer(Answer::status(404)),
        );
    assert_eq!(
        host.call("write", json!({"id": "7"})).structured(),
        json!({"result": 404})
    );
}

#[test]
fn an_id_cannot_leave_its_folder() {
    for id in ["", ".", ".."] {
        let called = Host::new(&PLUGIN).call("read", json!({"id": id}));
        assert_eq!(called.error().kind, Trouble::InvalidInput);
        assert!(called.requests.is_empty());
    }
}

#[test]
fn an_error_status_is_explained() {
    check(
        Answer::status(404).body(r#"{"errorCode": "NotFound", "message": "No such job."}"#),
        Trouble::NotFound,
        r#"GET /jobs/a%2Fb at backend "vbr" was answered with 404: No such job."#,
    );
    check(
        Answer::status(500).body("<html>stack trace</html>"),
        Trouble::Internal,
        r#"GET /jobs/a%2Fb at backend "vbr" was answered with 500"#,
    );
}

#[test]
fn the_backend_says_when_to_try_again() {
    let Err(Failure::Tool(error)) = read_job(Answer::status(503).header("Retry-After", "7")) else {
        panic!("not an error of the tool");
    };
    assert_eq!(error.kind, Trouble::Unavailable);
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn the_hosts_refusal_is_told_in_its_words() {
    let words =
        r#"plugin "x" may not send "GET /jobs" to backend "vbr": not allowed by binding "vbr01""#;
    check(
        Answer::refused(Trouble::Denied, words),
        Trouble::Denied,
        words,
    );
}

#[test]
fn an_unexpected_answer_names_the_field() {
    check(
        Answer::json(&json!({"name": "Nightly", "runs": [{"ok": true}, {"ok": "yes"}]})),
        Trouble::Internal,
        "the answer to GET /jobs/a%2Fb at backend \"vbr\" is not what was expected: \
         runs[1].ok: invalid type: string \"yes\", expected a boolean",
    );
}

#[test]
fn what_follows_the_json_is_not_ignored() {
    check(
        Answer::status(200).body(r#"{"name": "Nightly", "runs": []}<html>"#),
        Trouble::Internal,
        "the answer to GET /jobs/a%2Fb at backend \"vbr\" is not what was expected: \
         .: trailing characters at line 1 column 32",
    );
}

#[test]
fn a_truncated_answer_is_not_taken_for_a_whole_one() {
    let whole = json!({"name": "Nightly", "runs": []}).to_string();
    check(
        Answer::status(200).body(whole).breaks_off(),
        Trouble::Unavailable,
        r#"GET /jobs/a%2Fb at backend "vbr" failed: the answer breaks off"#,
    );
}

#[test]
fn a_large_body_comes_in_pieces() {
    let large =
        |answer: Answer| Host::new(&PLUGIN).expect(Exchange::get("vbr", "/large").answer(answer));
    let whole = large(Answer::status(200).body(vec![b'x'; 12_345]));
    assert_eq!(whole.call("stream", json!({})).text(), "12345");
    let broken = large(Answer::status(200).body(vec![b'x'; 12_345]).breaks_off());
    assert_eq!(
        broken.call("stream", json!({})).error().kind,
        Trouble::Unavailable
    );
}

#[test]
fn a_cancelled_call_sends_nothing() {
    let host = Host::new(&PLUGIN);
    host.cancel();
    let called = host.call("read", json!({"id": "7"}));
    assert_eq!(called.result, Err(Failure::Cancelled));
    assert!(called.requests.is_empty());
}

#[test]
fn mistakes_of_the_author_come_out_when_sending() {
    let host = Host::new(&PLUGIN);
    let cx = host.context();
    let http = cx.http("vbr");
    for (request, expected) in [
        (http.get("/jobs?limit=5"), "is not a path"),
        (
            http.get("/jobs").header("a b", 1),
            "is not the name of a header",
        ),
        (
            http.get("/jobs").header("a", "secret\r\nb: c"),
            "the value of header `a`",
        ),
    ] {
        let error = request.send().unwrap_err();
        assert_eq!(error.kind(), Trouble::Internal);
        let text = error.to_string();
        assert!(
            text.contains(expected) && !text.contains("secret"),
            "{text}"
        );
    }
}
