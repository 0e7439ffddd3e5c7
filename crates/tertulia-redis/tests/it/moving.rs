//! The slot of the tests' shard, on its way from node to node.

use tertulia_testkit::servers::RedisCluster;

use crate::rig::{self, admin};

/// Moves a slot as `redis-cli --cluster reshard` does, a step at a time. In between the nodes refuse what names keys on
/// both sides.
pub(crate) struct Moving<'a> {
    cluster: &'a RedisCluster,
    slot: String,
    /// Which node has it.
    from: usize,
}

impl<'a> Moving<'a> {
    /// The slot of the shard in the store of this prefix; no slot was moved before.
    pub(crate) fn of(cluster: &'a RedisCluster, prefix: &str) -> Self {
        let tag = format!("{{{prefix}:{}}}", rig::shard());
        let slot: u16 = admin(cluster.nodes[0].port(), &["CLUSTER", "KEYSLOT", &tag]);
        let from = [5_460, 10_922, 16_383].into_iter().position(|last| slot <= last).unwrap();
        Self { cluster, slot: slot.to_string(), from }
    }

    fn ports(&self) -> [u16; 2] {
        [self.from, (self.from + 1) % 3].map(|node| self.cluster.nodes[node].port())
    }

    /// The port of the node that has it.
    pub(crate) fn from(&self) -> u16 {
        self.ports()[0]
    }

    /// Both nodes know that it is on its way; no key is.
    pub(crate) fn begin(&self) {
        let [from, to] = self.ports();
        let id = |port| admin::<String>(port, &["CLUSTER", "MYID"]);
        let _: () = admin(to, &["CLUSTER", "SETSLOT", &self.slot, "IMPORTING", &id(from)]);
        let _: () = admin(from, &["CLUSTER", "SETSLOT", &self.slot, "MIGRATING", &id(to)]);
    }

    /// Moves at most so many keys; gives how many.
    pub(crate) fn keys(&self, most: usize) -> usize {
        self.keys_if(most, |_| true)
    }

    /// The same of the keys that are chosen by their names.
    pub(crate) fn keys_if(&self, most: usize, chosen: impl Fn(&[u8]) -> bool) -> usize {
        let [from, to] = self.ports();
        let mut keys: Vec<Vec<u8>> = admin(from, &["CLUSTER", "GETKEYSINSLOT", &self.slot, "1000"]);
        keys.retain(|key| chosen(key));
        keys.truncate(most);
        if keys.is_empty() {
            return 0;
        }
        let count = keys.len();
        let mut connection = redis::Client::open(("127.0.0.1", from)).unwrap().get_connection().unwrap();
        let mut command = redis::cmd("MIGRATE");
        command.arg("127.0.0.1").arg(to).arg("").arg(0).arg(5_000).arg("KEYS").arg(keys);
        command.query::<()>(&mut connection).unwrap();
        count
    }

    /// All know that it has moved.
    pub(crate) fn end(&mut self) {
        let [from, to] = self.ports();
        let id: String = admin(to, &["CLUSTER", "MYID"]);
        let primaries = self.cluster.nodes[..3].iter().map(|node| node.port());
        for port in [to, from].into_iter().chain(primaries) {
            let _: () = admin(port, &["CLUSTER", "SETSLOT", &self.slot, "NODE", &id]);
        }
        self.from = (self.from + 1) % 3;
    }
}
