//! Which server has which shard: one has them all, or the nodes of a cluster have some each.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use redis::{Client, ConnectionAddr, Value, cmd};
use tertulia::storage::Hub;
use tertulia::{Error, Result, Shard};
use tokio::time::Instant;

use crate::RedisOptions;
use crate::address::{Address, Form};
use crate::answer::{array, bytes};
use crate::error::{failed, unexpected};
use crate::link::{Connection, Link, Way};
use crate::listen::Listener;
use crate::lost::Recent;
use crate::start::{self, Server};

/// How many slots a cluster has.
const SLOTS: u16 = 16384;

/// A map that is younger than this is not asked for again.
const FRESH: Duration = Duration::from_millis(50);

/// Of how many logs and queues the last commit is remembered, unless told otherwise.
const REMEMBERED: usize = 4_096;

/// A server that takes commits.
pub(crate) struct Node {
    pub(crate) link: Arc<Link>,
    pub(crate) listener: Listener,
}

impl Node {
    /// Its host and port, if it is always there.
    fn place(&self) -> Option<(String, u16)> {
        let Way::Server(client) = self.link.way() else { return None };
        match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some((host.clone(), *port))
            }
            _ => None,
        }
    }
}

/// The servers of a store.
pub(crate) struct Nodes {
    pub(crate) address: Arc<Address>,
    pub(crate) recent: Arc<Recent>,
    options: RedisOptions,
    hub: Arc<Hub>,
    /// Per shard. Replaced when a cluster says so.
    map: Mutex<Vec<Arc<Node>>>,
    /// Nodes that slots are on their way to, and that had none before.
    guests: Mutex<Vec<Arc<Node>>>,
    /// Held by who asks a cluster; when it was asked last.
    asking: tokio::sync::Mutex<Option<Instant>>,
    this: Weak<Self>,
}

impl Nodes {
    /// Connects to the servers for the first time, and tells what they promise.
    ///
    /// # Errors
    /// See [`RedisOptions::connect`].
    pub(crate) async fn start(
        address: Address,
        options: RedisOptions,
        hub: Arc<Hub>,
    ) -> Result<(Arc<Self>, Server)> {
        let nodes = Arc::new_cyclic(|this| Self {
            address: Arc::new(address),
            recent: Arc::new(Recent::new(options.remembered.unwrap_or(REMEMBERED))),
            options,
            hub,
            map: Mutex::default(),
            guests: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            this: this.clone(),
        });
        if nodes.is_cluster() {
            let slots = nodes.ask().await?;
            nodes.change(slots, false)?;
        } else {
            let way = match &nodes.address.form {
                Form::Sentinels(master) => Way::Sentinels(master.clone()),
                _ => Way::Server(Box::new(nodes.address.servers[0].clone())),
            };
            let node = nodes.node(way, false);
            *nodes.map.lock() = Shard::all().map(|_| node.clone()).collect();
        }
        let all = nodes.all();
        let servers = try_join_all(all.iter().map(|node| node.link.start())).await?;
        // What all of them promise.
        let mut server = servers.first().cloned().unwrap_or_default();
        for other in &servers {
            server.weaken(other);
        }
        nodes.claim().await?;
        Ok((nodes, server))
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.address.form == Form::Cluster
    }

    /// Who has a shard.
    pub(crate) fn of(&self, shard: Shard) -> Arc<Node> {
        self.map.lock()[shard.index()].clone()
    }

    fn all(&self) -> Vec<Arc<Node>> {
        let mut all: Vec<Arc<Node>> = Vec::new();
        for node in &*self.map.lock() {
            if !all.iter().any(|known| Arc::ptr_eq(known, node)) {
                all.push(node.clone());
            }
        }
        all
    }

    /// Asks a cluster again who has what; nothing where one server has it all.
    pub(crate) async fn refresh(&self) {
        if !self.is_cluster() {
            return;
        }
        let mut asked = self.asking.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < FRESH) {
            return;
        }
        let changed = match self.ask().await {
            Ok(slots) => self.change(slots, true),
            Err(error) => Err(error),
        };
        if let Err(error) = changed {
            tracing::warn!(store = %self.address.shown, %error, "the cluster does not say who has what");
        }
        *asked = Some(Instant::now());
    }

    /// Says in Redis that here is a store, in the slot of the store's own key.
    async fn claim(&self) -> Result<()> {
        let mut asked = None;
        for node in self.all() {
            let mut live = node.link.get().await?;
            match start::claim(&mut live.connection, &self.address, self.options.existing).await {
                // Another node has that slot.
                Err(error) if start::is_elsewhere(&error) => asked = Some(error),
                done => return done,
            }
        }
        Err(asked.unwrap_or_else(|| Error::unavailable("the cluster has no nodes")))
    }

    fn node(&self, way: Way, suspect: bool) -> Arc<Node> {
        let link = Link::new(way, self.address.clone(), self.options.clone(), self.recent.clone(), suspect);
        let link = Arc::new(link);
        let listener = Listener::new(link.clone(), self.hub.clone(), self.this.clone());
        Arc::new(Node { link, listener })
    }

    /// Per shard, who has it, by the first server that tells.
    async fn ask(&self) -> Result<Vec<(String, u16)>> {
        let mut clients: Vec<Client> = Vec::new();
        for node in self.all() {
            if let Way::Server(client) = node.link.way() {
                clients.push(Client::clone(client));
            }
        }
        clients.extend(self.address.servers.iter().cloned());
        let mut last = Error::unavailable("the cluster has no nodes");
        for client in clients {
            match self.ask_one(&client).await {
                Ok(slots) => return Ok(slots),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask_one(&self, client: &Client) -> Result<Vec<(String, u16)>> {
        let doing = "cannot ask the cluster who has what";
        let mut connection = Connection::open(client, &self.options, |_| {}).await;
        let connection = connection.as_mut().map_err(|cause| failed(doing, cause.clone()))?;
        let answer =
            connection.send(cmd("CLUSTER").arg("SLOTS")).await.map_err(|cause| failed(doing, cause))?;
        let asked = match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        };
        let mut owners: Vec<(u16, u16, String, u16)> = Vec::new();
        for range in array(answer).ok_or_else(|| unexpected(doing))? {
            let mut parts = array(range).ok_or_else(|| unexpected(doing))?.into_iter();
            let mut number = || match parts.next() {
                Some(Value::Int(number)) => u16::try_from(number).map_err(|_| unexpected(doing)),
                _ => Err(unexpected(doing)),
            };
            let (from, to) = (number()?, number()?);
            let mut primary = parts.next().and_then(array).ok_or_else(|| unexpected(doing))?.into_iter();
            let host = primary.next().and_then(bytes);
            let host = host.map(|host| String::from_utf8_lossy(&host).into_owned());
            // A node that does not know its own name is where it was asked.
            let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.clone());
            let Some(Value::Int(port)) = primary.next() else { return Err(unexpected(doing)) };
            owners.push((from, to, host, u16::try_from(port).map_err(|_| unexpected(doing))?));
        }
        let owner = |shard| {
            let slot = self.address.names.slot(shard);
            let owner = owners.iter().find(|(from, to, ..)| (*from..=*to).contains(&slot));
            let owner = owner.map(|(_, _, host, port)| (host.clone(), *port));
            owner.ok_or_else(|| Error::unavailable(format!("no node of the cluster has slot {slot}")))
        };
        Shard::all().map(owner).collect()
    }

    /// Where the nodes are that there are connections to.
    fn known(&self) -> Vec<((String, u16), Arc<Node>)> {
        let mut nodes = self.all();
        nodes.extend(self.guests.lock().iter().cloned());
        nodes.into_iter().filter_map(|node| Some((node.place()?, node))).collect()
    }

    /// The node at this place; where no host is named, it is that of the node that told.
    ///
    /// # Errors
    /// `Invalid`.
    pub(crate) fn at(&self, told: &Node, host: &str, port: u16) -> Result<Arc<Node>> {
        let host = match host {
            "" | "?" => told.place().map(|(host, _)| host).unwrap_or_default(),
            host => host.to_owned(),
        };
        let place = (host, port);
        if let Some((_, node)) = self.known().into_iter().find(|(known, _)| *known == place) {
            return Ok(node);
        }
        let node = self.node(Way::Server(Box::new(self.address.at(&place.0, place.1)?)), true);
        self.guests.lock().push(node.clone());
        Ok(node)
    }

    /// Takes over what a cluster told. A node that was not known may have taken over from another, so it is compared
    /// with the last commits, and listens to what the other listened to.
    fn change(&self, owners: Vec<(String, u16)>, suspect: bool) -> Result<()> {
        let mut known = self.known();
        let mut map = Vec::with_capacity(owners.len());
        for owner in owners {
            let node = match known.iter().find(|(place, _)| *place == owner) {
                Some((_, node)) => node.clone(),
                None => {
                    let node = self.node(Way::Server(Box::new(self.address.at(&owner.0, owner.1)?)), suspect);
                    known.push((owner, node.clone()));
                    node
                }
            };
            map.push(node);
        }
        let before = std::mem::replace(&mut *self.map.lock(), map.clone());
        self.guests.lock().clear();
        for (shard, (before, now)) in Shard::all().zip(before.iter().zip(&map)) {
            if !Arc::ptr_eq(before, now) && before.listener.wants(shard) {
                now.listener.take_over(shard);
            }
        }
        Ok(())
    }
}

/// The slot that a cluster keeps names with this tag in: CRC16 (XMODEM) of the tag, by the number of slots.
pub(crate) fn slot_of_tag(tag: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for byte in tag {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of the cluster specification, appendix A, and an example of `CLUSTER KEYSLOT`.
        assert_eq!(slot_of_tag(b"123456789"), 0x31c3);
        assert_eq!(slot_of_tag(b"somekey"), 11058);
    }
}
