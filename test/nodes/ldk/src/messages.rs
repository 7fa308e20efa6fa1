//! Commands about connections and onion messages, foreign nodes included.

use crate::args::{Answer, Args, hex, said};
use crate::node::Nobody;
use crate::world::World;
use bitcoin::secp256k1::{PublicKey, Secp256k1};
use lightning::ln::msgs::{OnionMessage, OnionMessageHandler};
use lightning::onion_message::messenger::{PeeledOnion, peel_onion_message};
use lightning::util::ser::{LengthReadable, Writeable};
use serde_json::json;
use std::time::Instant;

/// A message with its type in front.
fn onion_message(args: &Args) -> Result<OnionMessage, String> {
    let bytes = args.bytes("hex")?;
    let body = bytes
        .strip_prefix(&[2, 1])
        .ok_or("an onion message begins with its type, 0201")?;
    OnionMessage::read_from_fixed_length_buffer(&mut &body[..]).map_err(said)
}

impl World {
    /// A node's index by its name, or the id of a foreign one.
    fn peer(&self, text: &str) -> Result<PublicKey, String> {
        match self.index(text) {
            Ok(index) => Ok(self.nodes[index].id),
            Err(unknown) => crate::args::point(text).map_err(|_| unknown),
        }
    }

    /// `connect`: a node with another one, or with a foreign one that speaks the same features.
    pub fn connect_peer(&mut self, args: &Args) -> Answer {
        let index = self.index(args.text("node")?)?;
        let peer = self.peer(args.text("peer")?)?;
        match self.index_of(peer) {
            Some(other) => self.connect(index, other),
            None => {
                let mut features = self.nodes[index].init_features(peer);
                if args.flag("htlcHold", false) {
                    features.set_htlc_hold_optional();
                } else {
                    features.clear_htlc_hold();
                }
                self.meet(index, peer, features, true);
            }
        }
        Ok(json!({}))
    }

    pub fn disconnect_peer(&mut self, args: &Args) -> Answer {
        let index = self.index(args.text("node")?)?;
        let peer = self.peer(args.text("peer")?)?;
        self.disconnect(index, peer);
        Ok(json!({}))
    }

    /// `deliver`: an onion message of a foreign peer.
    pub fn deliver_message(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let from = args.point("from")?;
        if !node.peers.contains(&from) {
            return Err("that foreign node is not connected: use `connect` first".to_owned());
        }
        node.messenger
            .handle_onion_message(from, &onion_message(args)?);
        Ok(json!({}))
    }

    /// `forwardMessage`: what a node does with a kept message once its peer is back.
    pub fn forward_message(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let peer = self.peer(args.text("to")?)?;
        node.messenger
            .forward_onion_message(onion_message(args)?, &peer)
            .map_err(said)?;
        Ok(json!({}))
    }

    /// `peel`: what LDK sees in an onion message that is addressed to a node.
    pub fn peel(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let message = onion_message(args)?;
        let secp = Secp256k1::new();
        match peel_onion_message(&message, &secp, &*node.keys, &*node.log, Nobody {}) {
            Err(()) => Err(format!("LDK drops it; {}", node.log.last(1).concat())),
            Ok(PeeledOnion::Forward(next, message)) => Ok(json!({
                "kind": "forward", "next": format!("{next:?}"), "hex": format!("0201{}", hex(&message.encode())),
            })),
            Ok(PeeledOnion::Offers(content, context, reply)) => Ok(json!({
                "kind": "offers", "content": format!("{content:?}"), "hasContext": context.is_some(), "hasReply": reply.is_some(),
            })),
            Ok(PeeledOnion::AsyncPayments(content, _, reply)) => Ok(json!({
                "kind": "async", "content": format!("{content:?}"), "hasReply": reply.is_some(),
            })),
            Ok(_) => Ok(json!({ "kind": "other" })),
        }
    }

    /// `benchPeel`: seconds that LDK takes to peel one message many times.
    pub fn bench_peel(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let message = onion_message(args)?;
        let count = args.number("count")?;
        let secp = Secp256k1::new();
        let mut peeled = 0u64;
        let start = Instant::now();
        for _ in 0..count {
            let result = peel_onion_message(&message, &secp, &*node.keys, &*node.log, Nobody {});
            peeled += u64::from(result.is_ok());
        }
        Ok(json!({ "seconds": start.elapsed().as_secs_f64(), "peeled": peeled }))
    }
}
