//! A shop in axum: a visitor's cart in a session behind a random cookie, with login and logout.
//!
//! `cargo run --manifest-path bench/Cargo.toml --bin 03-axum -- --insecure`, then see the README.

mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde::{Deserialize, Serialize};
use tertulia::session::{Expiry, Options};
use tertulia::{Clock, Sessions};
use tertulia_sqlite::Sqlite;

use session::{Failure, Session, Visitors};

/// What is known of a visitor.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Visitor {
    user: Option<String>,
    cart: Vec<String>,
}

#[derive(Deserialize)]
struct Item {
    item: String,
}

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A visitor who does not come back for two weeks is forgotten.
    let options =
        Options { expiry: Expiry::Sliding(Duration::from_secs(14 * 24 * 3600)), ..Options::default() };
    let sessions = Sessions::with(Sqlite::open("shop.db").await?, Clock::system(), "visitor", options)?;
    // Without HTTPS a browser returns no secure cookie, so localhost goes without.
    let secure = !std::env::args().any(|argument| argument == "--insecure");
    let app = with_sessions(shop(), Visitors { sessions, secure });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

fn shop() -> Router<Visitors> {
    Router::new()
        .route("/", get(show))
        .route("/cart", post(add))
        .route("/login", post(login))
        .route("/logout", post(logout))
}

fn with_sessions(routes: Router<Visitors>, visitors: Visitors) -> Router {
    routes.layer(middleware::from_fn_with_state(visitors.clone(), session::keep)).with_state(visitors)
}

/// Only reads, so nothing is written, and who comes for the first time gets no cookie.
async fn show(visitor: Session) -> String {
    let user = visitor.user.as_deref().unwrap_or("nobody");
    format!("{user}: {}\n", visitor.cart.join(", "))
}

async fn add(mut visitor: Session, Form(form): Form<Item>) -> Redirect {
    visitor.cart.push(form.item);
    Redirect::to("/")
}

async fn login(mut visitor: Session, Form(form): Form<Login>) -> Result<Response, Failure> {
    if !is_known(&form) {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    visitor.renew().await?;
    visitor.user = Some(form.user);
    Ok(Redirect::to("/").into_response())
}

async fn logout(visitor: Session) -> Result<Redirect, Failure> {
    visitor.end().await?;
    Ok(Redirect::to("/"))
}

/// One account, to try it. Yours keep salted hashes, such as Argon2's.
fn is_known(login: &Login) -> bool {
    (login.user.as_str(), login.password.as_str()) == ("ana", "tertulia")
}
