//! All nodes, and the turning of the wheel: messages, events and forwards until nothing moves any more.

use crate::args::hex;
use crate::mailbox::Mailboxes;
use crate::node::{Common, Node};
use crate::own_onion::OwnOnions;
use crate::pending::Pending;
use crate::stand_in::StandIns;
use crate::static_invoices::StaticInvoices;
use crate::wire::{Parcel, deliver, part};
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{
    BaseMessageHandler, Init, MessageSendEvent, OnionMessage, OnionMessageHandler,
};
use lightning::types::features::InitFeatures;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// More rounds than any scenario needs: a world that never rests is a bug worth telling.
const MOST_ROUNDS: usize = 20_000;
/// LDK takes several steps over an HTLC without showing anything: one for each dummy hop, and more to act on it. Whether it
/// has more to do cannot be asked, since the answer is yes as long as a payment could be retried.
const QUIET_ROUNDS: usize = 12;

#[derive(Default)]
pub struct Links {
    under_way: VecDeque<(usize, usize, Parcel)>,
    withheld: BTreeMap<(usize, usize), VecDeque<Parcel>>,
    /// Message types that are shown when they cross a link.
    pub watched: BTreeSet<u16>,
}

pub struct World {
    pub common: Common,
    pub nodes: Vec<Node>,
    pub links: Links,
    /// Peers of a node to be connected again when it comes back; none: it is online.
    asleep: BTreeMap<usize, BTreeSet<PublicKey>>,
    pub pending: Pending,
    pub stand_ins: StandIns,
    pub own_onions: OwnOnions,
    pub static_invoices: StaticInvoices,
    pub mailboxes: Mailboxes,
    events: Vec<Value>,
}

impl World {
    pub fn new(time: u32) -> Self {
        World {
            common: Common::new(time),
            nodes: Vec::new(),
            links: Links::default(),
            asleep: BTreeMap::new(),
            pending: Pending::default(),
            stand_ins: StandIns::default(),
            own_onions: OwnOnions::default(),
            static_invoices: StaticInvoices::default(),
            mailboxes: Mailboxes::default(),
            events: Vec::new(),
        }
    }

    pub fn emit(&mut self, event: Value) {
        self.events.push(event);
    }

    pub fn take_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    pub fn index(&self, name: &str) -> Result<usize, String> {
        self.nodes
            .iter()
            .position(|node| node.options.name == name)
            .ok_or_else(|| format!("there is no node {name}: name it in `build`"))
    }

    pub fn index_of(&self, id: PublicKey) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    pub fn name(&self, index: usize) -> &str {
        &self.nodes[index].options.name
    }

    /// A node's name, or the id of a foreign one.
    pub fn name_of(&self, id: PublicKey) -> String {
        match self.index_of(id) {
            Some(index) => self.name(index).to_owned(),
            None => id.to_string(),
        }
    }

    /// Lets everything happen that follows from what was done.
    pub fn pump(&mut self) -> Result<(), String> {
        let mut quiet = 0;
        for _ in 0..MOST_ROUNDS {
            let mut moved = false;
            for index in 0..self.nodes.len() {
                moved |= self.collect(index);
            }
            moved |= self.deliver_all();
            quiet = if moved { 0 } else { quiet + 1 };
            if quiet == QUIET_ROUNDS {
                return Ok(());
            }
        }
        Err("the world does not come to rest".to_owned())
    }

    fn collect(&mut self, index: usize) -> bool {
        let node = &self.nodes[index];
        if node.manager.needs_pending_htlc_processing() {
            node.manager.process_pending_htlc_forwards();
        }
        let mut messages = node.manager.get_and_clear_pending_msg_events();
        messages.extend(node.monitor.get_and_clear_pending_msg_events());
        let mut onions = Vec::new();
        for &peer in &node.peers {
            while let Some(message) = node.messenger.next_onion_message_for_peer(peer) {
                onions.push((peer, message));
            }
        }
        let events = node.take_events();
        let moved = !(messages.is_empty() && onions.is_empty() && events.is_empty());
        for message in messages {
            self.post(index, message);
        }
        for (peer, message) in onions {
            self.post_onion(index, peer, message);
        }
        for event in events {
            self.handle(index, event);
        }
        moved
    }

    fn post(&mut self, from: usize, event: MessageSendEvent) {
        let Some(id) = Parcel::addressee(&event) else {
            return self.gossip(event);
        };
        if !self.nodes[from].peers.contains(&id) {
            return;
        }
        if let Some(to) = self.index_of(id) {
            self.send(from, to, Parcel::Channel(Box::new(event)));
        }
    }

    fn post_onion(&mut self, from: usize, peer: PublicKey, message: OnionMessage) {
        match self.index_of(peer) {
            Some(to) => self.send(from, to, Parcel::Onion(message)),
            None => {
                let bytes = lightning::util::ser::Writeable::encode(&message);
                let node = self.name(from).to_owned();
                self.emit(json!({
                    "event": "foreignMessage", "node": node, "to": peer.to_string(),
                    "hex": format!("0201{}", hex(&bytes)),
                }));
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, mut parcel: Parcel) {
        self.swap_for_stand_in(from, to, &mut parcel);
        self.swap_own_onions(from, &mut parcel);
        for (kind, bytes) in parcel.messages() {
            if self.links.watched.contains(&kind) {
                let (from, to) = (self.name(from).to_owned(), self.name(to).to_owned());
                let text = format!("{kind:04x}{}", hex(&bytes));
                self.emit(json!({ "event": "message", "from": from, "to": to, "type": kind, "hex": text }));
            }
        }
        match self.links.withheld.get_mut(&(from, to)) {
            Some(queue) => queue.push_back(parcel),
            None => self.links.under_way.push_back((from, to, parcel)),
        }
    }

    fn deliver_all(&mut self) -> bool {
        let mut moved = false;
        while let Some((from, to, parcel)) = self.links.under_way.pop_front() {
            moved = true;
            self.hand_over(from, to, parcel);
        }
        moved
    }

    fn hand_over(&mut self, from: usize, to: usize, parcel: Parcel) {
        let sender = self.nodes[from].id;
        if !self.nodes[to].peers.contains(&sender) {
            return;
        }
        self.note_htlcs(from, to, &parcel);
        if let Some(error) = deliver(&self.nodes[to], sender, parcel) {
            let (from, to) = (self.name(from).to_owned(), self.name(to).to_owned());
            self.emit(json!({ "event": "protocolError", "from": from, "to": to, "error": error }));
        }
    }

    pub fn withhold(&mut self, from: usize, to: usize) {
        self.links.withheld.entry((from, to)).or_default();
    }

    /// Ends withholding. Returns how many messages had been withheld.
    pub fn release(&mut self, from: usize, to: usize, lose: bool) -> usize {
        let queue = self.links.withheld.remove(&(from, to)).unwrap_or_default();
        let count = queue.len();
        if !lose {
            let parcels = queue.into_iter().map(|parcel| (from, to, parcel));
            self.links.under_way.extend(parcels);
        }
        count
    }

    pub fn is_asleep(&self, index: usize) -> bool {
        self.asleep.contains_key(&index)
    }

    pub fn connect(&mut self, one: usize, other: usize) {
        if one == other || self.is_asleep(one) || self.is_asleep(other) {
            return;
        }
        let (one_id, other_id) = (self.nodes[one].id, self.nodes[other].id);
        if self.nodes[one].peers.contains(&other_id) {
            return;
        }
        let to_one = self.nodes[other].init_features(one_id);
        let to_other = self.nodes[one].init_features(other_id);
        self.meet(one, other_id, to_one, false);
        self.meet(other, one_id, to_other, true);
    }

    /// Makes a node see a peer connect with these features.
    pub fn meet(&mut self, index: usize, peer: PublicKey, features: InitFeatures, inbound: bool) {
        let init = Init {
            features,
            networks: None,
            remote_network_address: None,
        };
        let node = &mut self.nodes[index];
        node.peers.insert(peer);
        let accepted = [
            node.manager.peer_connected(peer, &init, inbound),
            node.messenger.peer_connected(peer, &init, inbound),
        ];
        if accepted.contains(&Err(())) {
            part(node, peer);
        }
    }

    /// Ends a node's connection with a peer, foreign or not. What was under way between them is lost.
    pub fn disconnect(&mut self, index: usize, peer: PublicKey) {
        let id = self.nodes[index].id;
        self.part(index, peer);
        if let Some(other) = self.index_of(peer) {
            self.part(other, id);
            let between = |a: usize, b: usize| (a, b) == (index, other) || (b, a) == (index, other);
            self.links.under_way.retain(|(a, b, _)| !between(*a, *b));
            for (&(a, b), queue) in &mut self.links.withheld {
                if between(a, b) {
                    queue.clear();
                }
            }
        }
    }

    fn part(&mut self, index: usize, peer: PublicKey) {
        if part(&mut self.nodes[index], peer) {
            let (node, peer) = (self.name(index).to_owned(), self.name_of(peer));
            self.emit(json!({ "event": "peerGone", "node": node, "peer": peer }));
        }
    }

    pub fn sleep(&mut self, index: usize) {
        let peers = self.nodes[index].peers.clone();
        for &peer in &peers {
            self.disconnect(index, peer);
        }
        self.asleep.entry(index).or_insert(peers);
    }

    /// Brings a node back: it first sees the blocks it missed, then meets its peers (not the foreign ones).
    pub fn wake(&mut self, index: usize) {
        let Some(peers) = self.asleep.remove(&index) else {
            return;
        };
        let height = self.common.chain.height();
        self.nodes[index].sync(&self.common.chain, height);
        for peer in peers {
            match self.index_of(peer) {
                Some(other) if self.is_asleep(other) => {
                    let id = self.nodes[index].id;
                    self.asleep.entry(other).or_default().insert(id);
                }
                Some(other) => self.connect(index, other),
                None => (),
            }
        }
    }

    /// Ends a node and starts it from what it had written.
    pub fn restart(&mut self, index: usize) -> Result<(), String> {
        let was_asleep = self.is_asleep(index);
        self.sleep(index);
        self.nodes[index].restart(&self.common)?;
        if !was_asleep {
            self.wake(index);
        }
        Ok(())
    }
}
