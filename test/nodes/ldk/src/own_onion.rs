//! HTLCs whose onion was made elsewhere. LDK sends none but its own, so it makes a payment of one hop, and what of it is
//! not in the commitment transaction is changed on the way to the first peer.

use crate::args::{Answer, Args, said};
use crate::wire::Parcel;
use crate::world::World;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::channelmanager::PaymentId;
use lightning::ln::msgs::{MessageSendEvent, OnionPacket};
use lightning::ln::outbound_payment::RecipientOnionFields;
use lightning::routing::router::{Path, Route, RouteHop};
use lightning::types::features::{ChannelFeatures, NodeFeatures};
use lightning::types::payment::{PaymentHash, PaymentSecret};
use lightning::util::ser::Readable;
use serde_json::json;
use std::collections::BTreeMap;

struct Wanted {
    onion: OnionPacket,
    path_key: Option<PublicKey>,
    hold: bool,
    cltv_expiry: u32,
}

/// By the node that sends it and its payment hash. They stay: a link that comes back repeats what it said.
#[derive(Default)]
pub struct OwnOnions(BTreeMap<(usize, [u8; 32]), Wanted>);

impl World {
    /// `sendOnion`: sends an HTLC to a direct peer, for it to open the onion. Its end comes as that of a payment.
    pub fn send_onion(&mut self, args: &Args) -> Answer {
        let index = self.index(args.text("node")?)?;
        let node = &self.nodes[index];
        let peer = args.point("peer")?;
        let amount = args.number("amountMsat")?;
        let hash = PaymentHash(args.bytes32("paymentHash")?);
        let cltv_expiry = args.number("cltvExpiry")? as u32;
        let next_block = node.height() + 1;
        let channels = node.manager.list_channels_with_counterparty(&peer);
        let scid = channels
            .iter()
            .find(|channel| channel.is_usable && channel.next_outbound_htlc_limit_msat >= amount)
            .and_then(|channel| channel.get_outbound_payment_scid())
            .ok_or("there is no channel with enough balance to that peer")?;
        let hop = RouteHop {
            pubkey: peer,
            node_features: NodeFeatures::empty(),
            short_channel_id: scid,
            channel_features: ChannelFeatures::empty(),
            fee_msat: amount,
            cltv_expiry_delta: cltv_expiry.saturating_sub(next_block),
            maybe_announced_channel: false,
        };
        let path = Path {
            hops: vec![hop],
            blinded_tail: None,
        };
        let route = Route {
            paths: vec![path],
            route_params: None,
        };
        let wanted = Wanted {
            onion: OnionPacket::read(&mut &args.bytes("onion")?[..]).map_err(said)?,
            path_key: match args.optional("pathKey") {
                Some(_) => Some(args.point("pathKey")?),
                None => None,
            },
            hold: args.flag("hold", false),
            cltv_expiry,
        };
        if self.own_onions.0.contains_key(&(index, hash.0)) {
            return Err("this node has sent an onion for that hash: one part at a time".to_owned());
        }
        let fields = RecipientOnionFields::secret_only(PaymentSecret([0; 32]), amount);
        let id = PaymentId(args.bytes32("paymentId")?);
        self.own_onions.0.insert((index, hash.0), wanted);
        let sent = node
            .manager
            .send_payment_with_route(route, hash, fields, id);
        if let Err(error) = sent {
            self.own_onions.0.remove(&(index, hash.0));
            return Err(said(error));
        }
        Ok(json!({}))
    }

    /// Gives HTLCs of `sendOnion` what was asked for.
    pub fn swap_own_onions(&self, from: usize, parcel: &mut Parcel) {
        let Parcel::Channel(event) = parcel else {
            return;
        };
        let MessageSendEvent::UpdateHTLCs { updates, .. } = &mut **event else {
            return;
        };
        for add in &mut updates.update_add_htlcs {
            let Some(wanted) = self.own_onions.0.get(&(from, add.payment_hash.0)) else {
                continue;
            };
            assert_eq!(
                add.cltv_expiry, wanted.cltv_expiry,
                "LDK counts from the next block"
            );
            add.onion_routing_packet = wanted.onion.clone();
            add.blinding_point = wanted.path_key;
            add.hold_htlc = wanted.hold.then_some(());
        }
    }
}
