//! Capability tokens: what they open, and what whoever has no such thing is told.

use std::time::Duration;

use axum::http::{HeaderMap, Request, StatusCode};
use base64ct::{Base64UrlUnpadded, Encoding};
use tertulia::Conversation;
use tertulia_http::{Access, Capabilities, Mint, Resource, Right, Rights, Scopes};

use super::support::{
    KEY, TOKEN, alice, ask, capabilities, clock, for_a_minute, get, get_with, post_with, status, streams,
};

fn guarded(capabilities: &Capabilities) -> axum::Router {
    streams(&Access::local().token("all", TOKEN, Scopes::all()).capabilities(capabilities.clone()))
}

fn mint(capabilities: &Capabilities, resource: Resource<'_>, mint: Mint) -> String {
    capabilities.mint(resource, mint).unwrap().token
}

#[tokio::test]
async fn a_capability_opens_its_stream_with_its_rights() {
    let capabilities = capabilities();
    let routes = guarded(&capabilities);
    let there = |right| mint(&capabilities, Resource::Stream(&alice(), "there"), for_a_minute(right));
    assert_eq!(status(&routes, get_with("/there", &there(Right::Read))).await, StatusCode::OK);
    assert_eq!(status(&routes, post_with("/there", &there(Right::Read))).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&routes, post_with("/there", &there(Right::Write))).await, StatusCode::OK);
    assert_eq!(status(&routes, get_with("/there", &there(Right::Cancel))).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&routes, get_with("/admin/all", &there(Right::Read))).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn foreign_expired_and_forged_ones_are_answered_as_if_there_were_no_such_stream() {
    let capabilities = capabilities();
    let routes = guarded(&capabilities);
    let bob = Conversation::new("http", "bob").unwrap();
    let own = mint(&capabilities, Resource::Stream(&alice(), "there"), for_a_minute(Right::Read));
    let other_key = Capabilities::new(clock(), b"another key of them").unwrap();
    // What is signed is changed so that it would open the stream.
    let other = mint(&capabilities, Resource::Stream(&alice(), "other"), for_a_minute(Right::Read));
    let mut forged = Base64UrlUnpadded::decode_vec(&other[4..]).unwrap();
    let name = forged.len() - 32 - 5..forged.len() - 32;
    assert_eq!(&forged[name.clone()], b"other");
    forged[name].copy_from_slice(b"there");
    let mut refused = vec![
        other,
        mint(&capabilities, Resource::Stream(&bob, "there"), for_a_minute(Right::Read)),
        mint(&capabilities, Resource::Session(&alice(), "there"), for_a_minute(Right::Read)),
        mint(&other_key, Resource::Stream(&alice(), "there"), for_a_minute(Right::Read)),
        format!("tc1_{}", Base64UrlUnpadded::encode_string(&forged)),
        own[..own.len() - 1].to_owned(),
        "tc1_".to_owned(),
        "tc1_....".to_owned(),
        format!("tc1_{}", "A".repeat(200)),
        format!("tc1_{}", "A".repeat(10_000)),
    ];
    assert_eq!(status(&routes, get_with("/there", &own)).await, StatusCode::OK);
    let absent = ask(&routes, get_with("/absent", TOKEN)).await;
    assert_eq!(absent.0.status(), StatusCode::NOT_FOUND);
    let parts = |answer: (axum::http::Response<()>, String)| -> (StatusCode, HeaderMap, String) {
        (answer.0.status(), answer.0.headers().clone(), answer.1)
    };
    let absent = parts(absent);
    for token in &refused {
        assert_eq!(parts(ask(&routes, get_with("/there", token)).await), absent, "{token}");
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    refused.push(own);
    for token in &refused {
        assert_eq!(parts(ask(&routes, get_with("/there", token)).await), absent, "{token}");
    }
}

#[tokio::test]
async fn whatever_is_made_of_a_capability_opens_nothing() {
    let (capabilities, random) = (capabilities(), clock());
    let access = Access::local().capabilities(capabilities.clone());
    let token = mint(&capabilities, Resource::Stream(&alice(), "there"), for_a_minute(Right::Read));
    let pick = |below: usize| usize::try_from(random.random() % below as u64).unwrap();
    for round in 0..20_000 {
        let mut text = token.clone().into_bytes();
        for _ in 0..=round % 3 {
            if text.len() < 6 {
                break;
            }
            let at = 4 + pick(text.len() - 4);
            match pick(3) {
                0 => text[at] = b"-_AZaz09="[pick(9)],
                1 => drop(text.remove(at)),
                _ => text.truncate(at.max(5)),
            }
        }
        let text = String::from_utf8(text).unwrap();
        if text == token {
            continue;
        }
        let (parts, _) = get_with("/", &text).into_parts();
        let grant = access.check(&parts).unwrap();
        for right in Right::ALL {
            assert!(!grant.allows(Resource::Stream(&alice(), "there"), right), "{text}");
        }
        assert!(grant.expires().is_none());
    }
}

#[tokio::test]
async fn a_capability_for_a_conversation_opens_what_is_in_it() {
    let (alice, bob) = (alice(), Conversation::new("http", "alice2").unwrap());
    let of = [
        Resource::Stream(&alice, "a"),
        Resource::Stream(&alice, "b"),
        Resource::Session(&alice, "a"),
        Resource::Streams(&alice),
        Resource::Sessions(&alice),
        Resource::Conversation(&alice),
        Resource::Stream(&bob, "a"),
    ];
    let access = Access::local().capabilities(capabilities());
    let opens = |resource| {
        let token = mint(&capabilities(), resource, for_a_minute(Right::Read));
        let (parts, _) = get_with("/", &token).into_parts();
        let grant = access.check(&parts).unwrap();
        of.map(|asked| u8::from(grant.allows(asked, Right::Read)))
    };
    assert_eq!(opens(of[0]), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(opens(of[2]), [0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(opens(of[3]), [1, 1, 0, 1, 0, 0, 0]);
    assert_eq!(opens(of[4]), [0, 0, 1, 0, 1, 0, 0]);
    assert_eq!(opens(of[5]), [1, 1, 1, 1, 1, 1, 0]);
}

#[tokio::test]
async fn in_a_query_only_those_are_taken_that_are_made_for_it_and_nobody_behind_sees_them() {
    let capabilities = capabilities();
    let routes = guarded(&capabilities);
    let rights: Rights = [Right::Read, Right::Write].into_iter().collect();
    let lasting = Mint::new(rights, Duration::from_secs(60));
    let plain = mint(&capabilities, Resource::Stream(&alice(), "there"), lasting);
    let query = mint(&capabilities, Resource::Stream(&alice(), "there"), lasting.in_query());
    let path = |token: &str| format!("/there?a=1&token={token}&b=2");
    assert_eq!(status(&routes, get(&path(&plain))).await, StatusCode::NOT_FOUND);
    let (answer, body) = ask(&routes, get(&path(&query))).await;
    assert_eq!((answer.status(), body.as_str()), (StatusCode::OK, r#"{"query":"a=1&b=2"}"#));
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let post = Request::post(path(&query)).header("host", "bot.example.org").body("".into()).unwrap();
    assert_eq!(status(&routes, post).await, StatusCode::UNAUTHORIZED);
    let twice = format!("/there?token={query}&token={query}");
    assert_eq!(status(&routes, get(&twice)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn both_keys_are_accepted_while_they_are_changed_and_then_only_the_new_one() {
    let new_key = b"the key that comes next";
    let old = capabilities();
    let both = Capabilities::new(clock(), new_key).unwrap().previous(KEY).unwrap();
    let new = Capabilities::new(clock(), new_key).unwrap();
    let token = |of: &Capabilities| mint(of, Resource::Stream(&alice(), "there"), for_a_minute(Right::Read));
    let (by_old, by_both) = (token(&old), token(&both));
    for (capabilities, token, expected) in [
        (&both, &by_old, StatusCode::OK),
        (&both, &by_both, StatusCode::OK),
        (&new, &by_both, StatusCode::OK),
        (&new, &by_old, StatusCode::NOT_FOUND),
        (&old, &by_both, StatusCode::NOT_FOUND),
    ] {
        assert_eq!(status(&guarded(capabilities), get_with("/there", token)).await, expected);
    }
}

#[tokio::test]
async fn a_capability_lasts_an_hour_at_most_and_a_minute_in_a_query() {
    let of = alice();
    let limits = |capabilities: &Capabilities, seconds, query| {
        let mint = Mint::new(Right::Read, Duration::from_secs(seconds));
        let mint = if query { mint.in_query() } else { mint };
        capabilities.mint(Resource::Stream(&of, "a"), mint).map(|_| ()).map_err(|error| error.to_string())
    };
    let capabilities = capabilities();
    assert_eq!((limits(&capabilities, 3_600, false), limits(&capabilities, 60, true)), (Ok(()), Ok(())));
    let error = limits(&capabilities, 3_601, false).unwrap_err();
    assert_eq!(error, "a capability cannot last 3601 s; allowed: more than 0, at most 3600 s");
    let error = limits(&capabilities, 61, true).unwrap_err();
    assert!(error.contains("a capability for a query cannot last 61 s") && error.contains("at most 60 s"));
    assert!(limits(&capabilities, 0, false).is_err());
    let longer = capabilities.clone().at_most(Duration::from_secs(7_200), Duration::from_secs(600));
    assert_eq!((limits(&longer, 7_200, false), limits(&longer, 600, true)), (Ok(()), Ok(())));
    let none = Mint::new(Rights::default(), Duration::from_secs(1));
    assert!(capabilities.mint(Resource::Streams(&of), none).is_err());
    assert!(Capabilities::new(clock(), b"short").is_err());
}

#[tokio::test]
async fn capabilities_and_keys_are_not_shown() {
    let minted = capabilities().mint(Resource::Streams(&alice()), for_a_minute(Right::Read)).unwrap();
    let shown = format!("{minted:?} {:?}", capabilities());
    assert!(!shown.contains(&minted.token) && !shown.contains("a key of"), "{shown}");
}
