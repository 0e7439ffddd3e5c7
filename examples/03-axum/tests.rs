//! The shop is driven in process: no port, no browser.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{Request, Response};
use tertulia::storage::Memory;
use tertulia_testkit::Counting;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::*;

/// A shop and what its storage was asked to write.
struct Shop {
    app: Router,
    storage: Counting,
    /// Tells that `/slow` or `/slow-login` has changed the session; they go on when told by `go_on`.
    changed: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Shop {
    fn open() -> Self {
        let storage = Counting::new(Arc::new(Memory::new()));
        let visitors =
            Visitors { sessions: Sessions::new(storage.clone(), "visitor").unwrap(), secure: true };
        let (changed, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&changed), Arc::clone(&go_on));
        let slow = post(move |mut visitor: Session| async move {
            visitor.cart.push("slow".to_owned());
            tell.notify_one();
            wait.notified().await;
        });
        let (tell, wait) = (Arc::clone(&changed), Arc::clone(&go_on));
        let slow_login = post(move |mut visitor: Session| async move {
            visitor.renew().await?;
            visitor.user = Some("ana".to_owned());
            tell.notify_one();
            wait.notified().await;
            Ok::<_, Failure>(())
        });
        let fail = post(|mut visitor: Session| async move {
            visitor.cart.push("never".to_owned());
            StatusCode::BAD_REQUEST
        });
        let routes = shop().route("/slow", slow).route("/slow-login", slow_login).route("/fail", fail);
        let app = with_sessions(routes, visitors);
        Self { app, storage, changed, go_on }
    }

    async fn call(&self, method: &str, path: &str, cookie: &str, form: &str) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(COOKIE, cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn page(&self, cookie: &str) -> String {
        let body = self.call("GET", "/", cookie, "").await.into_body();
        String::from_utf8(to_bytes(body, 1_000).await.unwrap().to_vec()).unwrap()
    }

    /// Adds to the cart and returns the cookie that goes on.
    async fn add(&self, cookie: &str, item: &str) -> String {
        let response = self.call("POST", "/cart", cookie, &format!("item={item}")).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        set_cookie(&response).map_or_else(|| cookie.to_owned(), |set| name_and_id(&set))
    }

    fn writes(&self) -> u64 {
        self.storage.written("session/").writes
    }
}

fn set_cookie(response: &Response<Body>) -> Option<String> {
    Some(response.headers().get(SET_COOKIE)?.to_str().unwrap().to_owned())
}

fn name_and_id(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap().to_owned()
}

const ANA: &str = "user=ana&password=tertulia";

#[tokio::test]
async fn a_cart_is_kept_over_requests_under_a_random_cookie_that_scripts_cannot_read() {
    let shop = Shop::open();
    let response = shop.call("POST", "/cart", "", "item=tea").await;
    let set = set_cookie(&response).unwrap();
    for flag in ["__Host-visitor=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(set.contains(flag), "{set}");
    }
    let cookie = name_and_id(&set);
    assert_eq!(shop.add(&cookie, "milk").await, cookie, "no new cookie");
    assert_eq!(shop.page(&cookie).await, "nobody: tea, milk\n");
    assert_ne!(shop.add("", "tea").await, cookie);
}

#[tokio::test]
async fn reading_writes_nothing_and_sets_no_cookie() {
    let shop = Shop::open();
    assert_eq!(set_cookie(&shop.call("GET", "/", "", "").await), None);
    assert_eq!(shop.writes(), 0);
    let cookie = shop.add("", "tea").await;
    assert_eq!(shop.writes(), 1);
    assert_eq!(shop.page(&cookie).await, "nobody: tea\n");
    assert_eq!(shop.writes(), 1);
}

#[tokio::test]
async fn a_handler_that_fails_changes_nothing() {
    let shop = Shop::open();
    let cookie = shop.add("", "tea").await;
    assert_eq!(shop.call("POST", "/fail", &cookie, "").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(shop.page(&cookie).await, "nobody: tea\n");
}

#[tokio::test]
async fn the_login_keeps_the_cart_under_a_new_id_and_the_old_one_is_worth_nothing() {
    let shop = Shop::open();
    let cookie = shop.add("", "tea").await;
    let refused = shop.call("POST", "/login", &cookie, "user=ana&password=guess").await;
    assert_eq!((refused.status(), set_cookie(&refused)), (StatusCode::UNAUTHORIZED, None));

    let response = shop.call("POST", "/login", &cookie, ANA).await;
    let renewed = name_and_id(&set_cookie(&response).unwrap());
    assert_ne!(renewed, cookie);
    assert_eq!(shop.page(&renewed).await, "ana: tea\n");
    assert_eq!(shop.page(&cookie).await, "nobody: \n");
    assert_ne!(shop.add(&cookie, "milk").await, cookie, "an id that is not stored is not taken over");
}

#[tokio::test]
async fn the_first_request_of_a_visitor_may_be_the_login() {
    let shop = Shop::open();
    let response = shop.call("POST", "/login", "", ANA).await;
    assert_eq!(shop.page(&name_and_id(&set_cookie(&response).unwrap())).await, "ana: \n");
}

#[tokio::test]
async fn a_request_that_finishes_after_the_logout_does_not_bring_the_session_back() {
    let shop = Shop::open();
    let cookie = shop.add("", "tea").await;
    let slow = shop.call("POST", "/slow", &cookie, "");
    let logout = async {
        shop.changed.notified().await;
        let response = shop.call("POST", "/logout", &cookie, "").await;
        assert!(set_cookie(&response).unwrap().contains("Max-Age=0"));
        shop.go_on.notify_one();
    };
    let (slow, ()) = tokio::join!(slow, logout);
    assert_eq!((slow.status(), set_cookie(&slow)), (StatusCode::CONFLICT, None));
    assert_eq!(shop.page(&cookie).await, "nobody: \n");
}

#[tokio::test]
async fn of_two_requests_at_once_the_later_is_told_and_nothing_is_lost_unseen() {
    let shop = Shop::open();
    let cookie = shop.add("", "tea").await;
    let slow = shop.call("POST", "/slow", &cookie, "");
    let add = async {
        shop.changed.notified().await;
        shop.add(&cookie, "milk").await;
        shop.go_on.notify_one();
    };
    let (slow, ()) = tokio::join!(slow, add);
    assert_eq!(slow.status(), StatusCode::CONFLICT);
    assert_eq!(shop.page(&cookie).await, "nobody: tea, milk\n");
}

#[tokio::test]
async fn a_login_that_meets_another_write_is_told_and_the_session_stays_as_it_was() {
    let shop = Shop::open();
    let cookie = shop.add("", "tea").await;
    let login = shop.call("POST", "/slow-login", &cookie, "");
    let add = async {
        shop.changed.notified().await;
        shop.add(&cookie, "milk").await;
        shop.go_on.notify_one();
    };
    let (login, ()) = tokio::join!(login, add);
    assert_eq!((login.status(), set_cookie(&login)), (StatusCode::CONFLICT, None));
    assert_eq!(shop.page(&cookie).await, "nobody: tea, milk\n");
    assert_eq!(shop.storage.written("session/").deletes, 1, "the new session is gone again");
}
