//! What an older program stored becomes what this one expects: each step once, in order; what is newer is let alone.

use serde::{Deserialize, Serialize};
use tertulia::error::Kind;
use tertulia::session::{Migrations, Options, TooNew, Tree};
use tertulia::{Error, Log, Sessions};

use super::Setting;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// The versions whose steps it went through.
    trace: Vec<u32>,
    /// Named as wrappers elsewhere name theirs.
    __d: String,
    v: u32,
    e: Option<u64>,
    beside: String,
}

/// A program that knows these versions; each step leaves its number.
fn program(versions: &[u32]) -> Migrations {
    versions.iter().fold(Migrations::new(), |migrations, &version| {
        migrations.to(version, move |state: &mut Tree| {
            let mut trace: Vec<u32> = state.get("trace")?.unwrap_or_default();
            trace.push(version);
            state.set("trace", &trace)
        })
    })
}

/// A program of this version that has forgotten how it came there.
fn no_step(version: u32) -> Migrations {
    Migrations::new().to(version, |_| Err(Error::invalid("a step ran that had run before")))
}

fn sessions(setting: &Setting<'_>, migrations: Migrations) -> Sessions<State> {
    setting.with(Options { migrations, ..Options::default() })
}

fn sample(trace: &[u32], beside: usize) -> State {
    let trace = trace.to_vec();
    State { trace, __d: "mine".to_owned(), v: 9, e: Some(1), beside: "-".repeat(beside) }
}

/// Stored by a program of any of the versions, small or large, it has gone through all steps, each once.
pub async fn every_step_runs_once_and_in_order(setting: &Setting<'_>) {
    for known in [&[][..], &[1], &[1, 2], &[1, 2, 4]] {
        for beside in [0, 4_000] {
            let conversation = setting.conversation();
            let before = sample(known, beside);
            let older = sessions(setting, program(known));
            setting.update(&older, &conversation, |state| *state = State { v: 0, ..before.clone() }).await;
            setting.update(&older, &conversation, |state| state.v = 9).await;
            let today = sessions(setting, program(&[1, 2, 4]));
            for _ in 0..2 {
                let seen = today.get(&conversation).await.expect("it can be read");
                assert_eq!(*seen, sample(&[1, 2, 4], beside), "stored in {known:?}");
            }
            setting.update(&today, &conversation, |state| state.v = 10).await;
            let after = State { v: 10, ..sample(&[1, 2, 4], beside) };
            for migrations in [program(&[1, 2, 4]), no_step(4)] {
                let seen = sessions(setting, migrations).get(&conversation).await.expect("it can be read");
                assert_eq!(*seen, after, "stored in {known:?}");
            }
        }
    }
}

/// Reading writes nothing; a change writes the session as it is today.
pub async fn a_migrated_session_is_stored_with_its_next_change(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let older = sessions(setting, Migrations::new());
    setting.update(&older, &conversation, |state| *state = sample(&[], 0)).await;
    let (counting, today) =
        setting.counted::<State>(Options { migrations: program(&[1, 2, 4]), ..Options::default() });
    drop(today.get(&conversation).await.expect("it can be read"));
    drop(today.load(&conversation).await.expect("it can be loaded"));
    assert_eq!(counting.counts().batches, 0);
    let forgetful = sessions(setting, no_step(4));
    assert_eq!(forgetful.get(&conversation).await.expect_err("it is as it was").kind(), Kind::Corrupt);
    setting.update(&today, &conversation, |state| state.v += 1).await;
    assert_eq!(counting.written("session/").writes, 1);
    assert_eq!(forgetful.get(&conversation).await.expect("it is of today").trace, [1, 2, 4]);
}

/// A program that goes back neither reads nor writes it; the newer one finds it as it was.
pub async fn what_is_newer_is_refused_and_left_as_it_is(setting: &Setting<'_>) {
    for beside in [0, 4_000] {
        let conversation = setting.conversation();
        let nine = sessions(setting, program(&[1, 2, 9]));
        setting.update(&nine, &conversation, |state| *state = sample(&[1, 2, 9], beside)).await;
        for known in [&[][..], &[1, 2]] {
            let (counting, older) =
                setting.counted::<State>(Options { migrations: program(known), ..Options::default() });
            let mut errors = vec![
                older.get(&conversation).await.expect_err("it is too new to be read"),
                older.load(&conversation).await.expect_err("it is too new to be loaded"),
            ];
            let changed = older.update(&conversation, |state| state.v = 0).await;
            errors.push(changed.expect_err("it is too new to be changed"));
            let too_new = TooNew { stored: 9, known: known.last().copied().unwrap_or(0) };
            for error in errors {
                assert_eq!(
                    (error.kind(), error.detail::<TooNew>()),
                    (Kind::Corrupt, Some(&too_new)),
                    "{error}"
                );
            }
            assert_eq!(counting.counts().batches, 0);
        }
        let seen = sessions(setting, no_step(9)).get(&conversation).await.expect("it is as it was");
        assert_eq!(*seen, sample(&[1, 2, 9], beside));
    }
}

/// A step that fails leaves what is stored, and the error names it.
pub async fn a_step_that_fails_leaves_what_is_stored(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    setting.put(&conversation, &sample(&[], 0)).await;
    let failing = program(&[1]).to(2, |_| Err(Error::invalid("no way")));
    let (counting, today) = setting.counted::<State>(Options { migrations: failing, ..Options::default() });
    let error = today.update(&conversation, |state| state.v = 0).await.expect_err("the step fails");
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("the migration to version 2 failed: no way"), "{error}");
    assert_eq!(counting.counts().batches, 0);
    assert_eq!(*setting.stored::<State>(&conversation).await, sample(&[], 0));
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Diary {
    pages: Log<String>,
}

/// The items of a log are migrated as they are read, also those that are loaded later; new ones are not.
pub async fn items_of_a_log_are_migrated_once(setting: &Setting<'_>) {
    let conversation = setting.conversation();
    let pages = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let older = setting.sessions::<Diary>();
    setting.update(&older, &conversation, |diary| diary.pages.extend(pages(&["a", "b", "c", "d"]))).await;
    let migrations = Migrations::new().to_items(1, "pages", |page| {
        let text: String = page.to()?;
        page.replace(&text.to_uppercase())
    });
    let options = Options { migrations, log_tail: 2, ..Options::default() };
    setting
        .update(&setting.with::<Diary>(options.clone()), &conversation, |diary| diary.pages.push("e".into()))
        .await;
    let today = setting.with::<Diary>(options);
    let mut diary = today.get(&conversation).await.expect("it can be read").into_inner();
    assert_eq!(diary.pages.tail(), pages(&["D", "e"]));
    assert_eq!(diary.pages.load_before(9).await.expect("the rest can be read"), 3);
    assert_eq!(diary.pages.tail(), pages(&["A", "B", "C", "D", "e"]));
}
