//! The pages of `/docs`: whole, out of the binary, and with nothing from anywhere else.

use reqwest::Method;

use crate::support::{Cx, header};

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_need_nothing_but_this_host() {
    let cx = Cx::with(&[("echo", "")]).await;
    let response = cx.get("/docs").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let policy = header(&response, "content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self';",
        "connect-src 'self';",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    let page = response.text().await.unwrap();
    assert!(!page.contains("://"), "{page}");
    // No script stands in the page: the policy would not run it.
    assert!(
        page.matches("<script").count() == page.matches("<script src=").count(),
        "{page}"
    );

    let mut found = 0;
    for part in page.split("src=\"").chain(page.split("href=\"")).skip(1) {
        let link = part.split('"').next().unwrap();
        if !link.starts_with("docs/") {
            continue;
        }
        found += 1;
        let response = cx.get(&format!("/{link}")).send().await.unwrap();
        assert_eq!(response.status(), 200, "{link}");
        let media_type = header(&response, "content-type");
        assert!(media_type.starts_with("text/"), "{link}: {media_type}");
        let is_packed = header(&response, "content-encoding") == "gzip";
        let head = response.bytes().await.unwrap();
        assert_eq!(head.starts_with(&[0x1f, 0x8b, 8]), is_packed, "{link}");
        assert_eq!(is_packed, link.contains("swagger-ui"), "{link}");
    }
    assert_eq!(found, 4, "{page}");
    for file in ["license", "notice"] {
        let path = format!("/docs/swagger-ui-{file}.txt");
        assert_eq!(cx.get(&path).send().await.unwrap().status(), 200, "{path}");
    }
    // Pages of somebody else's may not show it.
    let foreign = cx.get("/docs").header("host", "evil.example").send().await;
    assert_eq!(foreign.unwrap().status(), 403);
    let head = cx.request(Method::HEAD, "/docs").send().await.unwrap();
    assert_eq!(head.status(), 200);
}
