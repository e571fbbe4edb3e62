//! What the SDK does at the edges of the abilities: pages, wrong cursors, rounds of questions, jobs that ask.
#![expect(
    clippy::unnecessary_wraps,
    reason = "the signatures of what a plugin offers are not its author's choice"
)]

use toolward_sdk::ask::{Form, Questions, Roots};
use toolward_sdk::prelude::*;
use toolward_sdk::testing::Host;
use toolward_sdk::{Cause, Context, Link, Page, Watched};

/// Which one.
#[derive(Deserialize)]
struct Numbered {
    number: u32,
}

/// One of a family that is listed in two pages.
#[resource("test://one/{number}", list = list_one)]
fn one(of: Numbered) -> Result<String> {
    Ok(of.number.to_string())
}

/// One of a family that is listed in one page.
#[resource("test://two/{number}", list = list_two)]
fn two(of: Numbered) -> Result<String> {
    Ok(of.number.to_string())
}

/// Stands alone.
#[resource("test://one/alone")]
fn alone() -> Result<&'static str> {
    Ok("alone")
}

fn list_one(_: &Context, cursor: Option<&str>) -> Result<Page> {
    Ok(match cursor {
        None => Page::last([Link::new("test://one/1", "1")]).then("a:b"),
        Some("a:b") => Page::last([Link::new("test://one/2", "2")]),
        Some(other) => panic!("{other}"),
    })
}

fn list_two(_: &Context, _: Option<&str>) -> Result<Page> {
    Ok(Page::last([Link::new("test://two/1", "1")]))
}

fn look_at_nothing(_: &Context, _: &[Watched]) -> Result<Vec<Result<toolward_sdk::Sighting>>> {
    Ok(Vec::new())
}

/// A colour.
#[derive(Deserialize, JsonSchema)]
struct Colour {
    colour: String,
}

/// Asks once, and then for two more things, one of which it knows already.
#[tool]
fn ask(cx: &Context) -> Result<String> {
    let first = cx.ask("first", Form::<Colour>::new("Which?"))?.accepted()?;
    let (again, second) = cx.ask_all((
        ("first", Form::<Colour>::new("Which?")),
        ("second", Form::<Colour>::new("And which?")),
    ))?;
    assert_eq!(again.accepted()?.colour, first.colour);
    Ok(format!("{}, {}", first.colour, second.accepted()?.colour))
}

/// Uses a continuation of its own beside `ask`, which is not mistaken for one of ours.
#[tool]
fn by_hand(cx: &Context) -> Result<String> {
    if cx.continuation().is_none() {
        return Err(Questions::new()
            .ask("roots", &Roots)?
            .remember("mine")
            .into());
    }
    assert_eq!(cx.continuation().as_deref(), Some(&b"mine"[..]));
    Ok(format!("{:?}", cx.answer("roots")))
}

/// Starts a job that asks as a tool does.
#[tool(job_required)]
fn start() -> Result<Work<()>> {
    Work::start(Asking {}, "Asks")
}

#[derive(Deserialize, Serialize)]
struct Asking {}

impl Job for Asking {
    const FORMAT: u32 = 1;

    fn advance(self, cx: &Context, turn: &Turn) -> Result<Step> {
        match turn.attempt {
            0 => cx
                .ask("first", Form::<Colour>::new("Which?"))
                .map(|_| Step::cancelled()),
            _ => Step::done(()),
        }
    }
}

plugin! {
    tools: [ask, by_hand, start],
    jobs: [Asking],
    resources: [one, two, alone],
    watch: look_at_nothing,
}

#[test]
fn families_are_listed_one_after_the_other_behind_what_stands_alone() {
    let links = Host::new(&PLUGIN).resources().unwrap();
    let uris: Vec<_> = links.iter().map(|link| link.uri.as_str()).collect();
    assert_eq!(
        uris,
        [
            "test://one/alone",
            "test://one/1",
            "test://one/2",
            "test://two/1"
        ]
    );
}

#[test]
fn what_stands_alone_is_read_before_its_family() {
    let host = Host::new(&PLUGIN);
    assert_eq!(host.read_text("test://one/alone"), "alone");
    assert_eq!(host.read_text("test://one/7"), "7");
    for missing in ["test://one/seven", "test://three/1", "test://one/"] {
        let called = host.read(missing);
        let Err(Failure::Request(error)) = called.result else {
            panic!("{missing}: {:?}", called.result)
        };
        assert_eq!(error.cause, Cause::NotFound, "{missing}");
    }
}

#[test]
fn replies_of_earlier_rounds_stay() {
    let host = Host::new(&PLUGIN)
        .answer("first", json!({"colour": "red"}))
        .answer("second", json!({"colour": "blue"}));
    let called = host.call("ask", json!({}));
    assert_eq!(called.text(), "red, blue");
    let keys: Vec<_> = called
        .asked
        .iter()
        .map(|asked| asked.key.as_str())
        .collect();
    assert_eq!(keys, ["first", "second"]);
}

#[test]
fn a_refusal_is_an_error_that_the_model_reads() {
    for reply in [Reply::Declined, Reply::Cancelled] {
        let called = Host::new(&PLUGIN)
            .reply("first", reply)
            .call("ask", json!({}));
        assert_eq!(called.error().kind, Trouble::Denied);
    }
}

#[test]
fn what_was_sent_unasked_answers_nothing() {
    let answer = Reply::Accepted(json!({"colour": "red"}));
    let called = Host::new(&PLUGIN)
        .volunteer("first", answer)
        .call("ask", json!({}));
    assert_eq!(called.asked.len(), 1);
    assert!(matches!(called.result, Err(Failure::Suspended(_))));
}

#[test]
fn a_continuation_of_ones_own_comes_back_as_it_was() {
    let host = Host::new(&PLUGIN).answer("roots", json!([]));
    let called = host.call("by_hand", json!({}));
    assert_eq!(called.text(), "Some(Accepted(Array []))");
}

#[test]
fn a_job_is_told_to_ask_in_its_own_way() {
    let called = Host::new(&PLUGIN).call("start", json!({})).job().run();
    assert!(called.error().message.contains("`Step::ask`"));
    let mut job = Host::new(&PLUGIN).call("start", json!({})).job();
    job.repeat();
    assert!(job.run().output().content.is_empty());
}

#[test]
fn a_look_answers_for_each() {
    let seen = Host::new(&PLUGIN).look(&[Watched::new("test://one/alone")]);
    assert_eq!(seen.unwrap_err().to_string(), "1 resources, 0 answers");
}
