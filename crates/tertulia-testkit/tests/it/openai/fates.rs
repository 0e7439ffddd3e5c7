use std::time::Duration;

use tertulia_testkit::openai::{Ended, Fate};

use super::{ask, events, question, read, start, stream, turn};

#[tokio::test]
async fn a_cut_comes_after_exactly_so_many_bytes() {
    let model = start().await;
    model.push(turn());
    let (whole, _) = stream(&model).await;
    for after in [0, 1, 200, 500, whole.len() - 1] {
        model.push(turn().fate(Fate::Cut(after)));
        let (body, cut) = stream(&model).await;
        assert_eq!((body.len(), cut), (after, true));
    }
}

#[tokio::test]
async fn a_stream_fails_in_its_middle_or_ends_early_or_says_what_is_no_json() {
    let model = start().await;
    model.push(turn().fate(Fate::Fails(3, 429)));
    let (body, cut) = stream(&model).await;
    let said = events(&body);
    assert_eq!((said.len(), cut, &said[3]["error"]["code"]), (4, false, &429.into()));
    model.push(turn().fate(Fate::Short(3)));
    assert_eq!(
        events(&stream(&model).await.0),
        said[..3]
            .iter()
            .map(|event| {
                let mut event = event.clone();
                event["id"] = "chatcmpl-1".into();
                event
            })
            .collect::<Vec<_>>()
    );
    model.push(turn().fate(Fate::Malformed(1)));
    let (body, _) = stream(&model).await;
    assert!(body.ends_with("data: {\"choices\":[{\n\n"), "{body}");
}

#[tokio::test]
async fn a_refusal_says_when_to_come_back() {
    let model = start().await;
    model.push(turn().fate(Fate::Refused(429, Some(7))));
    let refused = ask(&model, &question()).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert!(refused.text().await.unwrap().contains("rate_limit_exceeded"));
}

#[tokio::test]
async fn it_sees_who_leaves_and_keeps_who_waits() {
    let model = start().await;
    model.push(turn().fate(Fate::Hang(100)));
    let mut response = ask(&model, &question()).await;
    let chunk = response.chunk().await.unwrap().unwrap();
    assert_eq!((chunk.len(), model.asked()[0].ended), (100, None));
    drop(response);
    model.until(|asked| asked[0].ended == Some(Ended::Left)).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_takes_its_time() {
    let model = start().await;
    let begun = tokio::time::Instant::now();
    model.push(turn().pace(1_000));
    let (body, _) = read(ask(&model, &question()).await).await;
    assert!(begun.elapsed() >= Duration::from_secs(events(&body).len() as u64), "{:?}", begun.elapsed());
}
