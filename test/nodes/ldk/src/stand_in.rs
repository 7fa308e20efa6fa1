//! A node that stands in for a daemon with an HTLC interceptor: HTLCs that it should pass on to a hop that does not exist
//! are shown raw, and wait for a verdict. LDK cannot settle such an HTLC itself, so it is passed on, with an onion of our
//! own, to a hidden node behind the stand-in that claims or fails it at once.

use crate::args::{Answer, Args, hex, said};
use crate::wire::{Parcel, UPDATE_ADD};
use crate::world::World;
use bitcoin::hashes::{Hash, HashEngine, sha256};
use bitcoin::secp256k1::{PublicKey, Scalar, Secp256k1, SecretKey};
use lightning::events::Event;
use lightning::ln::channelmanager::{InterceptId, PendingHTLCRouting};
use lightning::ln::msgs::{
    MessageSendEvent, UpdateAddHTLC, UpdateFailHTLC, UpdateFailMalformedHTLC,
};
use lightning::ln::onion_payment::peel_payment_onion;
use lightning::ln::outbound_payment::RecipientOnionFields;
use lightning::routing::router::{Path, RouteHop};
use lightning::sign::{NodeSigner, Recipient};
use lightning::types::features::{ChannelFeatures, NodeFeatures};
use lightning::types::payment::{PaymentHash, PaymentPreimage};
use lightning::util::ser::{LengthReadable, Writeable};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Blocks that have to be left when the hidden node sees an HTLC, with some to spare over LDK's own limit.
const BLOCKS_TO_CLAIM: u32 = 60;

enum Verdict {
    Settle(PaymentPreimage),
    /// The failure's bytes as the hop behind the stand-in would send them.
    Fail(Vec<u8>),
    Malformed([u8; 32], u16),
}

#[derive(Default)]
pub struct StandIns {
    /// HTLCs as they came in, by what LDK will call them.
    seen: BTreeMap<[u8; 32], (usize, UpdateAddHTLC)>,
    verdict: Option<(usize, PaymentHash, Verdict)>,
}

/// Name of the hidden node behind a stand-in.
pub fn hidden(name: &str) -> String {
    format!("{name}!")
}

impl World {
    /// Remembers HTLCs on their way to a node that may intercept them.
    pub fn note_htlcs(&mut self, from: usize, to: usize, parcel: &Parcel) {
        let Parcel::Channel(event) = parcel else {
            return;
        };
        let MessageSendEvent::UpdateHTLCs { updates, .. } = &**event else {
            return;
        };
        if !self.nodes[to].options.intercepts() {
            return;
        }
        for add in &updates.update_add_htlcs {
            let mut engine = sha256::Hash::engine();
            engine.input(&add.htlc_id.to_be_bytes());
            engine.input(&add.channel_id.0);
            engine.input(&self.nodes[from].id.serialize());
            let id = sha256::Hash::from_engine(engine).to_byte_array();
            self.stand_ins.seen.insert(id, (from, add.clone()));
        }
    }

    /// Events that only exist because of the detour over the hidden node, and the one that starts it.
    pub fn handled_by_stand_in(&mut self, index: usize, event: &Event) -> bool {
        match event {
            Event::HTLCIntercepted {
                intercept_id,
                requested_next_hop_scid,
                expected_outbound_amount_msat,
                outgoing_htlc_expiry_block_height,
                ..
            } => {
                let told = self.describe(index, intercept_id.0);
                let mut told = told.unwrap_or_else(|error| json!({ "error": error }));
                told["event"] = json!("htlc");
                told["node"] = json!(self.name(index));
                told["interceptId"] = json!(hex(&intercept_id.0));
                told["requestedScid"] = json!(requested_next_hop_scid.to_string());
                told["outgoingMsat"] = json!(expected_outbound_amount_msat);
                told["outgoingCltv"] = json!(outgoing_htlc_expiry_block_height);
                self.emit(told);
                true
            }
            Event::PaymentClaimable { payment_hash, .. } => {
                let node = &self.nodes[index];
                match &self.stand_ins.verdict {
                    Some((hidden, hash, verdict)) if (*hidden, hash) == (index, payment_hash) => {
                        match verdict {
                            Verdict::Settle(preimage) => node.manager.claim_funds(*preimage),
                            _ => node.manager.fail_htlc_backwards(payment_hash),
                        }
                        true
                    }
                    _ => false,
                }
            }
            _ => {
                self.name(index).ends_with('!')
                    && !matches!(event, Event::OpenChannelRequest { .. })
            }
        }
    }

    /// The HTLC as it came in, and what the next hop would get.
    fn describe(&self, index: usize, id: [u8; 32]) -> Answer {
        let (from, add) = self
            .stand_ins
            .seen
            .get(&id)
            .ok_or("this HTLC was not seen on a link")?;
        let node = &self.nodes[index];
        let secp = Secp256k1::new();
        let height = node.height();
        let peeled = peel_payment_onion(add, &*node.keys, &*node.log, &secp, height, true);
        let next = match peeled.map(|info| info.routing) {
            Ok(PendingHTLCRouting::Forward {
                onion_packet,
                blinded,
                ..
            }) => {
                let path_key = match blinded {
                    None => None,
                    Some(blinded) => Some(match blinded.next_blinding_override {
                        Some(key) => key,
                        None => next_path_key(&*node.keys, blinded.inbound_blinding_point)?,
                    }),
                };
                json!({ "onion": hex(&onion_packet.encode()), "pathKey": path_key.map(|key| key.to_string()) })
            }
            _ => Value::Null,
        };
        Ok(json!({
            "from": self.name(*from), "channelId": hex(&add.channel_id.0), "htlcId": add.htlc_id,
            "paymentHash": hex(&add.payment_hash.0), "incomingMsat": add.amount_msat, "incomingCltv": add.cltv_expiry,
            "hex": format!("{UPDATE_ADD:04x}{}", hex(&add.encode())), "next": next,
        }))
    }

    /// `settleHtlc`, `failHtlc`: gives an intercepted HTLC its verdict.
    pub fn give_verdict(&mut self, args: &Args, settle: bool) -> Answer {
        let id = args.bytes32("interceptId")?;
        let index = self.index(args.text("node")?)?;
        let verdict = if settle {
            Verdict::Settle(PaymentPreimage(args.bytes32("preimage")?))
        } else if let Some(reason) = args.maybe_bytes("reason")? {
            Verdict::Fail(reason)
        } else if let Some(code) = args.maybe_number("malformed") {
            Verdict::Malformed(args.bytes32("onionHash")?, code as u16)
        } else {
            let manager = &self.nodes[index].manager;
            manager
                .fail_intercepted_htlc(InterceptId(id))
                .map_err(said)?;
            self.stand_ins.seen.remove(&id);
            return Ok(json!({}));
        };
        let behind = self.index(&hidden(self.name(index)))?;
        let (_, add) = self
            .stand_ins
            .seen
            .get(&id)
            .ok_or("that HTLC is not waiting")?;
        let hash = add.payment_hash;
        if matches!(&verdict, Verdict::Settle(preimage) if PaymentHash::from(*preimage) != hash) {
            return Err("the preimage does not fit the HTLC's hash".to_owned());
        }
        let latest = add
            .cltv_expiry
            .saturating_sub(self.nodes[index].options.cltv_delta().into());
        let height = self
            .common
            .chain
            .height()
            .min(latest.saturating_sub(BLOCKS_TO_CLAIM));
        self.nodes[behind].sync(&self.common.chain, height);
        self.forward(index, id, behind, None)?;
        self.stand_ins.verdict = Some((behind, hash, verdict));
        self.pump()?;
        self.stand_ins.verdict = None;
        Ok(json!({}))
    }

    /// `resumeHtlc`: passes an intercepted HTLC on to a node of this world, unchanged.
    pub fn resume(&mut self, args: &Args) -> Answer {
        let id = args.bytes32("interceptId")?;
        let index = self.index(args.text("node")?)?;
        let to = self.index(args.text("to")?)?;
        self.forward(index, id, to, args.maybe_number("amountMsat"))?;
        Ok(json!({}))
    }

    fn forward(
        &mut self,
        index: usize,
        id: [u8; 32],
        to: usize,
        msat: Option<u64>,
    ) -> Result<(), String> {
        let node = &self.nodes[index];
        let (_, add) = self
            .stand_ins
            .seen
            .get(&id)
            .ok_or("that HTLC is not waiting")?;
        let msat = match msat {
            Some(msat) => msat,
            None => {
                let secp = Secp256k1::new();
                peel_payment_onion(add, &*node.keys, &*node.log, &secp, node.height(), true)
                    .map_err(|error| error.msg.to_owned())?
                    .outgoing_amt_msat
            }
        };
        let peer = self.nodes[to].id;
        let channels = node.manager.list_channels_with_counterparty(&peer);
        let channel = channels
            .iter()
            .find(|channel| channel.is_usable && channel.next_outbound_htlc_limit_msat >= msat)
            .ok_or("there is no channel with enough balance to that node")?;
        node.manager
            .forward_intercepted_htlc(InterceptId(id), &channel.channel_id, peer, msat)
            .map_err(said)?;
        self.stand_ins.seen.remove(&id);
        Ok(())
    }

    /// Changes what goes between a stand-in and its hidden node according to the verdict.
    pub fn swap_for_stand_in(&mut self, from: usize, to: usize, parcel: &mut Parcel) {
        let Some((behind, hash, verdict)) = &self.stand_ins.verdict else {
            return;
        };
        let Parcel::Channel(event) = parcel else {
            return;
        };
        let MessageSendEvent::UpdateHTLCs { updates, .. } = &mut **event else {
            return;
        };
        if to == *behind {
            for add in &mut updates.update_add_htlcs {
                if add.payment_hash == *hash {
                    self.readdress(to, add);
                }
            }
        } else if from == *behind {
            match verdict {
                Verdict::Settle(_) => (),
                Verdict::Fail(reason) => {
                    for fail in &mut updates.update_fail_htlcs {
                        *fail = fail_with(fail, reason);
                    }
                }
                Verdict::Malformed(onion_hash, code) => {
                    for fail in updates.update_fail_htlcs.drain(..) {
                        let malformed = malformed_like(&fail, onion_hash, *code);
                        updates.update_fail_malformed_htlcs.push(malformed);
                    }
                }
            }
        }
    }

    /// Gives an HTLC an onion whose only hop is the hidden node.
    fn readdress(&self, hidden: usize, add: &mut UpdateAddHTLC) {
        let node = &self.nodes[hidden];
        let (secret, _) = node
            .manager
            .create_inbound_payment_for_hash(add.payment_hash, None, 7 * 24 * 3600, None, None)
            .expect("the hidden node takes any hash");
        let hop = RouteHop {
            pubkey: node.id,
            node_features: NodeFeatures::empty(),
            short_channel_id: 0,
            channel_features: ChannelFeatures::empty(),
            fee_msat: add.amount_msat,
            cltv_expiry_delta: 0,
            maybe_announced_channel: false,
        };
        let path = Path {
            hops: vec![hop],
            blinded_tail: None,
        };
        let fields = RecipientOnionFields::secret_only(secret, add.amount_msat);
        let session = SecretKey::from_slice(&[7; 32]).expect("a secret key");
        let (onion, ..) = lightning::ln::onion_utils::create_payment_onion(
            &Secp256k1::new(),
            &path,
            &session,
            &fields,
            add.cltv_expiry,
            &add.payment_hash,
            &None,
            None,
            [0; 32],
        )
        .expect("one hop fits an onion");
        add.onion_routing_packet = onion;
        add.blinding_point = None;
        add.skimmed_fee_msat = None;
        add.hold_htlc = None;
    }
}

/// Path key of the hop behind one that was given `path_key` (BOLT 4, route blinding).
fn next_path_key(keys: &impl NodeSigner, path_key: PublicKey) -> Result<PublicKey, String> {
    let shared = keys.ecdh(Recipient::Node, &path_key, None).map_err(said)?;
    let mut engine = sha256::Hash::engine();
    engine.input(&path_key.serialize());
    engine.input(shared.as_ref());
    let factor = sha256::Hash::from_engine(engine).to_byte_array();
    let factor = Scalar::from_be_bytes(factor).map_err(said)?;
    path_key.mul_tweak(&Secp256k1::new(), &factor).map_err(said)
}

fn fail_with(fail: &UpdateFailHTLC, reason: &[u8]) -> UpdateFailHTLC {
    let mut bytes = fail.channel_id.encode();
    bytes.extend(fail.htlc_id.to_be_bytes());
    bytes.extend((reason.len() as u16).to_be_bytes());
    bytes.extend(reason);
    UpdateFailHTLC::read_from_fixed_length_buffer(&mut &bytes[..]).expect("a well-formed message")
}

fn malformed_like(
    fail: &UpdateFailHTLC,
    onion_hash: &[u8; 32],
    code: u16,
) -> UpdateFailMalformedHTLC {
    let mut bytes = fail.channel_id.encode();
    bytes.extend(fail.htlc_id.to_be_bytes());
    bytes.extend(onion_hash);
    bytes.extend(code.to_be_bytes());
    UpdateFailMalformedHTLC::read_from_fixed_length_buffer(&mut &bytes[..])
        .expect("a well-formed message")
}
