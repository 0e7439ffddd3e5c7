//! A graph: an order that is checked, priced, and waits for an approval, kept on disk between the runs of this program.
//!
//! `cargo run --release -p examples --bin 06-graph -- 3 apples`, then `-- yes`; kill it wherever you like and run it
//! again. `-- picture > order.svg` draws the graph, and where the order stands.

use serde::{Deserialize, Serialize};
use tertulia::Log;
use tertulia::graph::{self, Graph, Input, Inputs, Picture, Reason, Runs, State, Until, field};
use tertulia_sqlite::Sqlite;

#[derive(Default, Serialize, Deserialize)]
struct Order {
    item: String,
    count: u64,
    price: u64,
    approved: Option<bool>,
    events: Log<String>,
}

#[derive(Deserialize)]
struct Asked {
    count: u64,
    item: String,
}

#[derive(Deserialize)]
struct Said {
    yes: bool,
}

async fn receive(mut order: State<Order>, asked: Input<Asked>) -> graph::Result {
    let Asked { count, item } = asked.0;
    *order = Order { item, count, events: std::mem::take(&mut order.events), ..Order::default() };
    order.events.push(format!("asked for {count}"));
    Ok(())
}

async fn price(mut order: State<Order>) -> graph::Result<u64> {
    order.price = order.count * 30;
    Ok(order.price)
}

async fn approve(mut order: State<Order>, said: Input<Said>) -> graph::Result {
    order.approved = Some(said.yes);
    Ok(())
}

/// What is not asynchronous is an action too.
fn ship(mut order: State<Order>) -> graph::Result<String> {
    let text = format!("{} {} are on their way, for {}", order.count, order.item, order.price);
    order.events.push("shipped".to_owned());
    Ok(text)
}

fn refuse(mut order: State<Order>) -> graph::Result<&'static str> {
    order.events.push("refused".to_owned());
    Ok("nothing is sent")
}

#[tokio::main]
async fn main() -> graph::Result {
    let graph = Graph::<Order>::new("order")
        .action("receive", receive)
        .action(
            "price",
            graph::action(price).writes(["price"]).retry(3, std::time::Duration::from_millis(100)),
        )
        .action("approve", graph::action(approve).writes(["approved"]).tag("human"))
        .action("ship", graph::plain(ship))
        .action("refuse", graph::plain(refuse))
        .transition("receive", "price")
        .transition_when("price", "approve", field("price").gt(50))
        .transition("price", "ship")
        .transition_when("approve", "ship", field("approved").eq(true))
        .transition("approve", "refuse")
        .transition(["ship", "refuse"], "receive")
        .entrypoint("receive")
        .build()
        .await?;

    let runs = Runs::new(&graph, Sqlite::open("orders.db").await?);
    let run = runs.open_or_create("ana", Order::default).await?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let next = run.standing().await?.next;
    if arguments == ["picture"] {
        let picture = Picture { current: next, inputs: true, ..Picture::default() };
        println!("{}", graph.shape().svg(&picture)?);
        return Ok(());
    }
    let waits = next.as_deref() == Some("approve");
    let inputs = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [yes] if waits => Inputs::new().with("yes", yes == "yes"),
        [count, item] if !waits => {
            Inputs::new().with("count", u64::from(count.parse::<u32>()?)).with("item", item)
        }
        _ => anyhow::bail!("say {}", if waits { "yes or no" } else { "what is to be ordered: 3 apples" }),
    };
    let until = Until::before("@human").or_after(["ship", "refuse"]).resuming();
    let halted = run.run(until, inputs).await?;
    match halted.reason {
        Reason::Before => println!("that is {}: yes or no?", run.state().await?.price),
        _ => println!("{}", halted.result.as_str().unwrap_or_default()),
    }
    Ok(())
}
