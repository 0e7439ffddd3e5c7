//! `tertulia torture`: Tertulia's own bot loses nothing, and the judge sees what bad bots do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{Folder, client};

/// Which bad bot to be.
const KIND: &str = "TORTURE_TEST_BOT";
/// grammY's bot, beside its packages: its tests run if this is set.
const GRAMMY: &str = "TERTULIA_TORTURE_GRAMMY";

/// Puts a bot to the torture; gives the exit code and the judgement.
pub(crate) fn torture(arguments: &[&str], bot: &[&str], kind: &str) -> (Option<i32>, Value) {
    torture_in(&Folder::new(), arguments, bot, kind)
}

/// As [`torture`]; what the bot keeps is in `kept/bot` of the folder.
pub(crate) fn torture_in(
    folder: &Folder,
    arguments: &[&str],
    bot: &[&str],
    kind: &str,
) -> (Option<i32>, Value) {
    let keep = folder.path().join("kept");
    let mut command = folder.command(&["torture", "--json", "--keep", keep.to_str().unwrap()]);
    // Bots that others start are looked for in the path.
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let output = command.args(arguments).arg("--").args(bot).env(KIND, kind).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stderr}{stdout}");
    let report = serde_json::from_str(&stdout).unwrap_or_else(|error| {
        let log = std::fs::read_to_string(keep.join("bot.log")).unwrap_or_default();
        panic!("no judgement: {error}; {log}")
    });
    (output.status.code(), report)
}

/// Builds Tertulia's bot beside the binary under test.
pub(crate) fn our_bot() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_tertulia")).parent().unwrap();
    let target = folder.parent().unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "torture-tertulia", "--target-dir"]).arg(target);
    build.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success());
    folder.join("torture-tertulia")
}

pub(crate) fn judged(report: &Value) -> [u64; 4] {
    ["lost", "reordered", "doubled", "state_lost"].map(|figure| report[figure].as_u64().unwrap())
}

#[test]
fn our_bot_loses_reorders_and_doubles_nothing_in_thirty_kills() {
    let bot = our_bot();
    let plan = ["--chats", "40", "--updates", "6000", "--kills", "30", "--within", "300", "--rate", "1000"];
    let faults = ["--cut", "0.01", "--delay", "0.01", "--duplicate", "0.05"];
    let poison = ["--poison", "20", "--poisons", "/error,/panic"];
    // On a busy machine three kills in a row may meet the same update while it runs alone, which is then taken for poison.
    let bot = [bot.to_str().unwrap(), "31"];
    let (code, report) = torture(&[&plan[..], &faults, &poison].concat(), &bot, "");
    assert_eq!((code, judged(&report)), (Some(0), [0; 4]));
    assert_eq!((&report["updates"], &report["counted"]), (&json!(6040), &json!(6040)));
    assert_eq!((&report["kills"], &report["ended"], &report["poison"]), (&json!(30), &json!(0), &json!(20)));
    assert!(report["recovery"]["starts"].as_u64() > Some(0));
    #[cfg(target_os = "linux")]
    assert!(report["memory"].as_u64() > Some(1 << 20), "{report}");
    // The last message of each chat is not part of the speed.
    let fed = report["updates_per_second"].as_f64().unwrap() * report["seconds"].as_f64().unwrap();
    assert!((fed - 6000.0).abs() < 0.5, "{report}");
}

#[test]
fn a_bot_that_loses_as_many_as_may_be_unanswered_is_judged_all_the_same() {
    let bot = std::env::current_exe().unwrap();
    let bot = [bot.to_str().unwrap(), "torture::bad_bot", "--exact", "--ignored", "--nocapture"];
    let plan = ["--chats", "5", "--updates", "100", "--kills", "1", "--backlog", "50", "--quiet", "5"];
    let (code, report) = torture(&plan, &bot, "mute");
    assert_eq!((code, &report["lost"], &report["updates"]), (Some(1), &json!(105), &json!(105)));
    assert_eq!(&report["lost_though_confirmed"], &json!(105));
}

/// The judgement of a bad bot. It is tried again if every kill came while it had nothing under way, which shows nothing.
fn bad(kind: &str) -> Value {
    let bot = std::env::current_exe().unwrap();
    let bot = [bot.to_str().unwrap(), "torture::bad_bot", "--exact", "--ignored", "--nocapture"];
    let plan = ["--chats", "20", "--updates", "4000", "--kills", "8", "--rate", "4000", "--quiet", "5"];
    let mut tries = (0..5).map(|_| torture(&plan, &bot, kind));
    let (code, report) =
        tries.find(|(code, _)| *code != Some(0)).expect("it is seen to be bad within five tries");
    assert_eq!((code, &report["kills"]), (Some(1), &json!(8)));
    report
}

#[test]
fn a_bot_that_confirms_before_it_keeps_is_seen_to_lose() {
    let report = bad("hasty");
    assert!(report["lost_though_confirmed"].as_u64() > Some(0), "{report}");
    assert_eq!(report["lost"], report["lost_though_confirmed"]);
}

#[test]
fn a_bot_that_forgets_its_counters_is_seen_to_lose_state() {
    let report = bad("forgetful");
    let [lost, _, _, state_lost] = judged(&report);
    assert!(state_lost > 0 && lost == 0, "{report}");
}

#[test]
fn a_bot_that_does_not_know_what_it_did_is_seen_to_double() {
    let report = bad("careless");
    let [lost, reordered, doubled, _] = judged(&report);
    assert!(doubled > 0 && lost == 0 && reordered == 0, "{report}");
    assert!(report["counted"].as_u64() > report["updates"].as_u64(), "{report}");
}

/// The judgement of grammY's bot, if it is installed.
fn grammy(plan: &[&str]) -> Option<(Option<i32>, Value)> {
    let bot = std::env::var(GRAMMY).ok()?;
    Some(torture(plan, &["node", &bot], ""))
}

#[test]
fn a_bot_on_grammy_keeps_the_convention() {
    let Some((code, report)) = grammy(&["--chats", "20", "--updates", "500", "--kills", "0"]) else { return };
    assert_eq!((code, judged(&report)), (Some(0), [0; 4]));
    assert_eq!((&report["updates"], &report["counted"]), (&json!(520), &json!(520)));
}

#[test]
fn a_bot_that_cannot_run_is_told_of() {
    let folder = Folder::new();
    let keep = folder.path().join("kept");
    let torture = ["torture", "--updates", "10", "--keep", keep.to_str().unwrap(), "--"];
    let absent = folder.run(&[&torture[..], &["./absent"]].concat());
    absent.failed(2, &["./absent cannot be started"]);
    folder.write("kept/bot/old", "");
    folder.run(&[&torture[..], &["true"]].concat()).failed(2, &["keep: ", "bot is not empty"]);
    std::fs::remove_file(folder.path().join("kept/bot/old")).unwrap();
    let ends = folder.run(&[&torture[..], &["sh", "-c", "echo what is wrong; exit 3"]].concat());
    assert_eq!(ends.code, Some(1), "{ends:?}");
    let last = ends.stderr.lines().last().unwrap();
    assert!(last.contains("the bot ended by itself 5 times without an answer: what is wrong"), "{ends:?}");
}

#[tokio::test]
#[ignore = "run by the tests of bad bots"]
async fn bad_bot() {
    let Ok(kind) = std::env::var(KIND) else { return };
    let api = Api { http: client(), url: std::env::var("TELEGRAM_API_URL").unwrap() };
    let (queue, mut queued) = mpsc::unbounded_channel::<Value>();
    let mut counters = Counters {
        folder: (kind != "forgetful").then(|| std::env::var("TORTURE_DIR").unwrap().into()),
        known: HashMap::new(),
    };
    if kind == "hasty" {
        let api = api.clone();
        let mut counters = Counters { folder: counters.folder.take(), known: HashMap::new() };
        tokio::spawn(async move {
            while let Some(update) = queued.recv().await {
                api.answer(&update, &mut counters).await;
            }
        });
    }
    let mut offset = 0;
    loop {
        let updates = api.call("getUpdates", json!({ "offset": offset, "timeout": 30 })).await;
        for update in updates.as_array().unwrap() {
            offset = update["update_id"].as_i64().unwrap() + 1;
            match kind.as_str() {
                "mute" => {}
                "hasty" => queue.send(update.clone()).unwrap(),
                _ => api.answer(update, &mut counters).await,
            }
        }
    }
}

#[derive(Clone)]
struct Api {
    http: reqwest::Client,
    url: String,
}

impl Api {
    async fn call(&self, method: &str, params: Value) -> Value {
        let url = format!("{}/bot7000001:torture/{method}", self.url);
        let answer: Value = self.http.post(url).json(&params).send().await.unwrap().json().await.unwrap();
        answer["result"].clone()
    }

    async fn answer(&self, update: &Value, counters: &mut Counters) {
        let (chat, text) = (&update["message"]["chat"]["id"], &update["message"]["text"]);
        let counter = counters.next(chat.as_i64().unwrap());
        let text = format!("{counter} {}", text.as_str().unwrap());
        self.call("sendMessage", json!({ "chat_id": chat, "text": text })).await;
    }
}

/// The counters of the chats, in a file each if there is a folder.
struct Counters {
    folder: Option<PathBuf>,
    known: HashMap<i64, u64>,
}

impl Counters {
    fn next(&mut self, chat: i64) -> u64 {
        let file = self.folder.as_ref().map(|folder| folder.join(chat.to_string()));
        let kept = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()?.parse().ok());
        let counter = self.known.entry(chat).or_insert_with(|| kept.unwrap_or(0));
        *counter += 1;
        if let Some(file) = file {
            let torn = file.with_extension("new");
            std::fs::write(&torn, counter.to_string()).unwrap();
            std::fs::rename(torn, file).unwrap();
        }
        *counter
    }
}
