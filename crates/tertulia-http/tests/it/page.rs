//! The page's files, as a browser is given them.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tertulia_http::{PageOptions, page};
use tower::ServiceExt;

async fn get(path: &str, known: Option<&str>) -> (StatusCode, HeaderMap, String) {
    let mut options = PageOptions::default();
    options.suggestions = vec!["hello".to_owned()];
    let mut request = Request::get(path);
    if let Some(known) = known {
        request = request.header("if-none-match", known);
    }
    let response = page(&options).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there_and_nothing_else() {
    let (_, _, html) = get("/", None).await;
    let mut found: Vec<String> = Vec::new();
    let mut left: Vec<String> =
        html.split('"').filter(|text| text.starts_with("page/")).map(str::to_owned).collect();
    while let Some(path) = left.pop() {
        if found.contains(&path) {
            continue;
        }
        let (status, headers, text) = get(&format!("/{path}"), None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(headers["content-type"].to_str().unwrap().contains(match path.rsplit('.').next().unwrap() {
            "js" => "javascript",
            "css" => "css",
            _ => "svg",
        }));
        let imports =
            text.split("from '").skip(1).filter(|_| path.ends_with(".js") && !path.contains("vendor"));
        left.extend(
            imports.map(|rest| format!("page/{}", rest.split('\'').next().unwrap().trim_start_matches("./"))),
        );
        found.push(path);
    }
    assert!(found.len() > 10, "{found:?}");
    for path in ["/page/", "/page/main.rs", "/page/../lib.rs", "/page/app.js/"] {
        assert_eq!(get(path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let (_, headers, _) = get("/", None).await;
    let etag = headers["etag"].to_str().unwrap();
    let (status, headers, body) = get("/", Some(&format!("\"other\", W/{etag}"))).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(headers["etag"], etag);
    assert_eq!(headers["cache-control"], "no-cache");
    assert_eq!(get("/", Some("\"other\"")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn nothing_but_its_own_files_may_run() {
    for path in ["/", "/page/app.js", "/page/settings.json"] {
        let (_, headers, _) = get(path, None).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert!(
            policy.contains("frame-ancestors 'none'")
                && policy.contains("require-trusted-types-for 'script'")
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let (_, _, html) = get("/", None).await;
    let attributes = html.split_whitespace().filter_map(|word| word.split_once('=')).map(|(name, _)| name);
    let inline = |name: &str| name.starts_with("on") || name == "style";
    assert!(!attributes.into_iter().any(inline) && !html.contains("<style"), "no inline code");
    assert!(!html.contains("//"), "nothing of other origins");
}

#[tokio::test]
async fn the_page_suggests_what_it_was_told_to() {
    let (_, _, settings) = get("/page/settings.json", None).await;
    assert_eq!(settings, r#"{"suggestions":["hello"]}"#);
}
