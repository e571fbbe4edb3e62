//! How much is asked of a backend, how often, and when it is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderValue, Response};
use tokio::sync::Semaphore;
use toolward::config::Binding;
use toolward::egress::{Body, Deadlines};

use super::support::{
    Backend, Plugin, answer, binding, body, endless, get, post, read, request, until,
};

fn bound(url: &str, change: impl FnOnce(&mut Binding)) -> Plugin {
    let mut bound = binding(url);
    change(&mut bound);
    Plugin::bound_to(bound)
}

/// Answers with these statuses in turn, and with 200 from then on.
async fn failing(statuses: &'static [u16], retry_after: Option<&'static str>) -> Backend {
    let number = Arc::new(AtomicUsize::new(0));
    Backend::http(move |_| {
        let number = number.fetch_add(1, Ordering::SeqCst);
        let mut answer = answer(statuses.get(number).copied().unwrap_or(200), "told");
        if let Some(value) = retry_after {
            answer
                .headers_mut()
                .insert("retry-after", HeaderValue::from_static(value));
        }
        std::future::ready(answer)
    })
    .await
}

#[tokio::test]
async fn passing_failures_are_tried_again_as_often_as_the_binding_says() {
    let table: [(&str, &'static [u16], u32, u16, usize); 10] = [
        ("GET", &[503], 2, 200, 2),
        ("GET", &[502, 504], 2, 200, 3),
        ("GET", &[429], 1, 200, 2),
        ("GET", &[503, 503, 503], 2, 503, 3),
        ("GET", &[503], 0, 503, 1),
        ("GET", &[500], 2, 500, 1),
        ("PUT", &[503], 2, 200, 2),
        ("DELETE", &[503], 2, 200, 2),
        ("POST", &[503], 2, 503, 1),
        ("PATCH", &[503], 2, 503, 1),
    ];
    for (method, statuses, retries, expected, sent) in table {
        let backend = failing(statuses, None).await;
        let plugin = bound(&backend.url(), |bound| bound.traffic.retries = retries);
        let answer = plugin.send(request(method, "http://vbr/a")).await.unwrap();
        assert_eq!(answer.status(), expected, "{method} {statuses:?}");
        assert_eq!(backend.seen().len(), sent, "{method} {statuses:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_kept_is_sent_again_and_a_longer_one_is_not() {
    for (length, expected) in [(1000, 2), (300 * 1024, 1)] {
        let backend = failing(&[503], None).await;
        let plugin = bound(&backend.url(), |bound| bound.traffic.retries = 2);
        let mut put = post("/a", body(vec![b'x'; length]));
        *put.method_mut() = http::Method::PUT;
        plugin.send(put).await.unwrap();
        let seen = backend.seen();
        assert_eq!(seen.len(), expected);
        assert!(seen.iter().all(|seen| seen.body.len() == length));
    }
}

#[tokio::test]
async fn retry_after_is_the_least_and_what_does_not_fit_the_time_is_not_waited_for() {
    let backend = failing(&[429], Some("1")).await;
    let plugin = bound(&backend.url(), |bound| bound.traffic.retries = 2);
    let start = Instant::now();
    assert_eq!(plugin.get("/a").await.unwrap().0, 200);
    assert!(start.elapsed() >= Duration::from_secs(1));

    // The guest is told instead, and sees for how long.
    for (value, limit) in [("600", 30), ("5", 3)] {
        let backend = failing(&[503], Some(value)).await;
        let plugin = bound(&backend.url(), |bound| {
            bound.traffic.retries = 2;
            bound.timeout = Duration::from_secs(limit);
        });
        let start = Instant::now();
        let answer = plugin.send(get("/a")).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], value);
        assert!(start.elapsed() < Duration::from_secs(3));
        assert_eq!(backend.seen().len(), 1);
    }

    // The call's own end counts as well.
    let backend = failing(&[503], Some("5")).await;
    let plugin = bound(&backend.url(), |bound| bound.traffic.retries = 2);
    let deadlines = Deadlines {
        call: Some(Instant::now() + Duration::from_secs(4)),
        ..Deadlines::default()
    };
    let answer = plugin
        .egress
        .send(&plugin.origin, get("/a"), deadlines)
        .await;
    assert_eq!(answer.unwrap().status(), 503);
}

#[tokio::test]
async fn a_call_that_ends_ends_its_waiting() {
    let backend = failing(&[503; 100], Some("1")).await;
    let plugin = Arc::new(bound(&backend.url(), |bound| bound.traffic.retries = 10));
    let task = tokio::spawn({
        let plugin = Arc::clone(&plugin);
        async move { plugin.get("/a").await }
    });
    until(|| backend.seen().len() == 1).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(backend.seen().len(), 1);

    // And the call's end is the end of a request that hangs.
    let hanging = Backend::http(|_| std::future::pending()).await;
    let plugin = Plugin::bound_to(binding(&hanging.url()));
    let deadlines = Deadlines {
        call: Some(Instant::now() + Duration::from_millis(300)),
        ..Deadlines::default()
    };
    let refusal = plugin
        .egress
        .send(&plugin.origin, get("/a"), deadlines)
        .await;
    assert!(refusal.unwrap_err().to_string().starts_with("timed-out: "));
}

#[tokio::test]
async fn a_failed_connection_is_tried_again() {
    // A port that nobody listens on until the second try.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let plugin = Arc::new(bound(&format!("http://{address}"), |bound| {
        bound.traffic.retries = 10;
    }));
    let asking = tokio::spawn({
        let plugin = Arc::clone(&plugin);
        async move { plugin.get("/a").await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _backend = Backend::serve(listener, None, |_| std::future::ready(answer(200, "up")));
    assert_eq!(asking.await.unwrap().unwrap().1, "up");
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_binding_allows() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let backend = Backend::http({
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                let here = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(here, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                answer(200, "hello")
            }
        }
    })
    .await;
    let plugin = bound(&backend.url(), |bound| bound.traffic.concurrency = 4);
    let answers = futures::future::join_all((0..40).map(|_| plugin.get("/a"))).await;
    assert!(answers.iter().all(Result::is_ok));
    // One plugin for one tenant gets three quarters.
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_answer_that_is_not_read_holds_its_place_and_leaves_one_for_the_neighbour() {
    let backend = Backend::http(|seen| async move {
        match seen.path() {
            "/endless" => Response::new(endless("x")),
            _ => answer(200, "hello"),
        }
    })
    .await;
    let mut plugin = bound(&backend.url(), |bound| {
        bound.traffic.concurrency = 4;
        bound.timeout = Duration::from_millis(800);
    });
    let mut held: Vec<Response<Body>> = Vec::new();
    for _ in 0..3 {
        held.push(plugin.send(get("/endless")).await.unwrap());
    }
    let refusal = plugin.refused(get("/a")).await;
    assert!(
        refusal.contains("is busy: its turn did not come among its limit of 4 requests at once\nhint: raise bindings.vbr01.concurrency"),
        "{refusal}"
    );
    let own = std::mem::replace(&mut plugin.origin.tenant, "neighbour".parse().unwrap());
    assert_eq!(plugin.get("/a").await.unwrap().1, "hello");
    plugin.origin.tenant = own;
    held.pop();
    assert_eq!(plugin.get("/a").await.unwrap().1, "hello");
}

#[tokio::test]
async fn a_second_has_its_number_of_requests() {
    let backend = failing(&[], None).await;
    let plugin = bound(&backend.url(), |bound| {
        bound.traffic.requests_per_second = Some(10);
    });
    let start = Instant::now();
    let answers = futures::future::join_all((0..20).map(|_| plugin.get("/a"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(
        start.elapsed() >= Duration::from_millis(950),
        "{:?}",
        start.elapsed()
    );
    let plugin = bound(&backend.url(), |bound| {
        bound.traffic.requests_per_second = Some(1);
        bound.timeout = Duration::from_millis(400);
    });
    plugin.get("/a").await.unwrap();
    let refusal = plugin.refused(get("/a")).await;
    assert!(
        refusal.contains("its limit of 1 requests a second"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_backend_that_is_away_is_left_alone_and_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut plugin = bound(&format!("http://{address}"), |bound| {
        bound.traffic.circuit_failures = 3;
        bound.traffic.circuit_pause = Duration::from_secs(1);
    });
    for _ in 0..3 {
        let refusal = plugin.refused(get("/a")).await;
        assert!(refusal.contains("refused the connection"), "{refusal}");
    }
    // Everybody is told, at once.
    let tenant = std::mem::replace(&mut plugin.origin.tenant, "other".parse().unwrap());
    let refusal = plugin.refused(get("/a")).await;
    plugin.origin.tenant = tenant;
    assert_eq!(
        refusal,
        "unavailable: backend \"vbr\" is left alone after 3 failures in a row (the last: it refused the connection); it is tried again in 1 s"
    );
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let backend = Backend::serve(listener, None, |_| std::future::ready(answer(200, "up")));
    assert!(plugin.get("/a").await.is_err());
    assert_eq!(backend.connections(), 0);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answers = futures::future::join_all((0..5).map(|_| plugin.get("/a"))).await;
    assert!(answers.iter().any(Result::is_ok));
    assert_eq!(plugin.get("/a").await.unwrap().1, "up");
}

#[tokio::test]
async fn a_plugin_that_makes_a_backend_fail_leaves_it_to_its_neighbours() {
    let gate = Arc::new(Semaphore::new(0));
    let backend = Backend::http(move |seen| {
        let gate = Arc::clone(&gate);
        async move {
            match seen.path() {
                "/slow" => {
                    let _ = gate.acquire().await;
                    answer(200, "late")
                }
                "/broken" => answer(504, "no"),
                _ => answer(200, "hello"),
            }
        }
    })
    .await;
    let mut plugin = bound(&backend.url(), |bound| {
        bound.traffic.circuit_failures = 2;
        bound.traffic.circuit_pause = Duration::from_mins(1);
    });
    // Little patience is not held against the backend.
    for _ in 0..4 {
        let deadlines = Deadlines {
            connect: Some(Duration::from_millis(10)),
            first_byte: Some(Duration::from_millis(10)),
            ..Deadlines::default()
        };
        let sent = plugin
            .egress
            .send(&plugin.origin, get("/slow"), deadlines)
            .await;
        assert!(sent.unwrap_err().to_string().starts_with("timed-out"));
    }
    for _ in 0..2 {
        assert_eq!(plugin.get("/broken").await.unwrap().0, 504);
    }
    let refusal = plugin.refused(get("/a")).await;
    assert!(
        refusal.contains("is left alone after 2 failures in a row (the last: it answered 504)"),
        "{refusal}"
    );
    plugin.origin.tenant = "neighbour".parse().unwrap();
    assert_eq!(
        read(plugin.send(get("/a")).await.unwrap()).await.unwrap().1,
        "hello"
    );
}
