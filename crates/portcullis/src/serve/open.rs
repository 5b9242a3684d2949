//! The connections that are open.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use slab::Slab;
use tokio::{sync::Notify, time::Instant};

use super::{
    activity::Activity, connection::Refused, counts::Tally, due::Why, limits::Limits,
    shutdown::Stage,
};

/// The connections of a server that are open. Clones are handles to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Open(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    connections: Mutex<Connections>,
    /// The last one ended.
    emptied: Notify,
    tally: Tally,
}

#[derive(Debug)]
struct Connections {
    stage: Stage,
    all: Slab<Arc<Activity>>,
    /// How many each client has. No longer than `all`.
    clients: HashMap<IpAddr, usize>,
    /// How many are not open any more.
    ended: usize,
    /// Where the search for one to evict goes on.
    next: usize,
}

/// A connection that is open, for as long as this is kept.
#[derive(Debug)]
pub(super) struct Slot {
    open: Open,
    index: usize,
    client: Option<IpAddr>,
    activity: Arc<Activity>,
}

// ===== impl Open =====

impl Open {
    /// Opens a connection, unless the server stops, or there are too many and none waits that could
    /// make room.
    ///
    /// A client that has its share already, where it is known before it speaks, makes nobody go.
    pub(super) fn open(&self, limits: &Limits, client: Option<IpAddr>) -> Option<Slot> {
        let mut connections = self.lock();
        if connections.stage >= Stage::Draining {
            return None;
        }
        let (client, share) = (client.map(network), limits.of_one_client());
        if client.is_some_and(|client| !connections.has_room_for(client, share)) {
            self.tally().refused(Refused::ClientFull);
            return None;
        }
        if connections.all.len() >= limits.connections && !connections.make_room() {
            self.tally().refused(Refused::Full);
            return None;
        }
        let activity = Arc::new(Activity::new(Instant::now()));
        activity.enter(connections.stage);
        let index = connections.all.insert(Arc::clone(&activity));
        if let Some(client) = client {
            *connections.clients.entry(client).or_default() += 1;
        }
        self.tally().accepted.add();
        Some(Slot {
            open: self.clone(),
            index,
            client,
            activity,
        })
    }

    /// Closes a connection that waits, if there is one.
    pub(super) fn make_room(&self) -> bool {
        self.lock().make_room()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// Returns how many are no HTTP any more, such as those of WebSockets.
    pub(super) fn upgraded(&self) -> usize {
        let connections = self.lock();
        let all = connections.all.iter();
        all.filter(|(_, activity)| activity.is_upgraded()).count()
    }

    pub(super) fn ended(&self) -> usize {
        self.lock().ended
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// Enters a stage, with all connections and those that come.
    pub(super) fn enter(&self, stage: Stage) {
        let all: Vec<_> = {
            let mut connections = self.lock();
            connections.stage = stage;
            let all = connections.all.iter();
            all.map(|(_, activity)| Arc::clone(activity)).collect()
        };
        for activity in all {
            activity.enter(stage);
        }
    }

    /// Waits until none is open.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        let connections = self.0.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Connections =====

impl Connections {
    fn has_room_for(&self, client: IpAddr, limit: usize) -> bool {
        self.clients.get(&client).is_none_or(|count| *count < limit)
    }

    /// Closes the connection, of some, on which nothing was in flight for the longest time. Returns
    /// `false` if there is none.
    fn make_room(&mut self) -> bool {
        let places = self.all.capacity().max(1);
        // One that was just idle may have a request since.
        let makes_room = (0..TRIES).any(|_| self.longest(places).is_some_and(Activity::evict));
        self.next = (self.next + LOOKED_AT) % places;
        makes_room
    }

    fn longest(&self, places: usize) -> Option<&Activity> {
        let some = (0..LOOKED_AT).filter_map(|step| self.all.get((self.next + step) % places));
        let waiting = some.filter_map(|activity| Some((activity.evictable_since()?, activity)));
        let longest = waiting.min_by_key(|(since, _)| *since);
        longest.map(|(_, activity)| &**activity)
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            stage: Stage::Serving,
            all: Slab::new(),
            clients: HashMap::new(),
            ended: 0,
            next: 0,
        }
    }
}

// ===== impl Slot =====

impl Slot {
    pub(super) const fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    pub(super) const fn open(&self) -> &Open {
        &self.open
    }

    /// The client was told what it does wrong.
    pub(super) fn blamed(&self, why: Why) {
        self.open.tally().blamed(why, self.client);
    }

    /// Counts the connection for its client, unless that was known from the start. Returns `false` if it
    /// has too many.
    pub(super) fn belongs_to(&mut self, client: IpAddr, limit: usize) -> bool {
        if self.client.is_some() {
            return true;
        }
        let client = network(client);
        let mut connections = self.open.lock();
        if !connections.has_room_for(client, limit) {
            return false;
        }
        *connections.clients.entry(client).or_default() += 1;
        drop(connections);
        self.client = Some(client);
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut connections = self.open.lock();
        connections.all.remove(self.index);
        connections.ended += 1;
        if let Some(client) = self.client
            && let Some(count) = connections.clients.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                connections.clients.remove(&client);
            }
        }
        let is_empty = connections.all.is_empty();
        drop(connections);
        if is_empty {
            self.open.0.emptied.notify_waiters();
        }
    }
}

/// What one client has: an address of IPv4, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

/// Connections that are looked at for one that may go: work for each that is one too many.
const LOOKED_AT: usize = 64;
const TRIES: usize = 3;
