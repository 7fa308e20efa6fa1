//! Onion messages that a node keeps for peers that are not connected.

use crate::world::World;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::OnionMessage;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Mailboxes(BTreeMap<(usize, PublicKey), Vec<OnionMessage>>);

impl Mailboxes {
    pub fn put(&mut self, node: usize, peer: PublicKey, message: OnionMessage) {
        self.0.entry((node, peer)).or_default().push(message);
    }
}

impl World {
    /// Passes on what a node keeps for a peer that is back.
    pub fn empty_mailbox(&mut self, index: usize, peer: PublicKey) {
        for message in self.mailboxes.0.remove(&(index, peer)).unwrap_or_default() {
            // A full buffer loses the message, as it would in a real node.
            let _ = self.nodes[index]
                .messenger
                .forward_onion_message(message, &peer);
        }
    }
}
