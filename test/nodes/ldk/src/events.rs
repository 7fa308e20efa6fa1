//! What LDK tells its user: done if it is this program's duty, and always told on.

use crate::args::hex;
use crate::pending::Kept;
use crate::world::World;
use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use lightning::blinded_path::message::NextMessageHop;
use lightning::events::{Event, PaidBolt12Invoice, PaymentPurpose};
use lightning::util::ser::Writeable;
use serde_json::{Value, json};

impl World {
    pub fn handle(&mut self, index: usize, event: Event) {
        if self.handled_by_stand_in(index, &event) {
            return;
        }
        let mut told = match event {
            Event::FundingGenerationReady {
                temporary_channel_id,
                counterparty_node_id,
                channel_value_satoshis,
                output_script,
                ..
            } => {
                let transaction = funding(
                    temporary_channel_id.0,
                    channel_value_satoshis,
                    output_script,
                );
                let result = self.nodes[index].manager.funding_transaction_generated(
                    temporary_channel_id,
                    counterparty_node_id,
                    transaction,
                );
                result.expect("LDK takes the funding it asked for");
                return;
            }
            Event::OpenChannelRequest {
                temporary_channel_id,
                counterparty_node_id,
                ..
            } => {
                let result = self.nodes[index].manager.accept_inbound_channel(
                    &temporary_channel_id,
                    &counterparty_node_id,
                    0,
                    None,
                );
                result.expect("LDK accepts the channel it shows");
                return;
            }
            Event::ConnectionNeeded { node_id, addresses } => {
                if let Some(other) = self.index_of(node_id) {
                    self.connect(index, other);
                }
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                json!({ "event": "connectionNeeded", "peer": self.name_of(node_id), "addresses": addresses })
            }
            Event::OnionMessageIntercepted {
                prev_hop,
                next_hop,
                message,
            } => self.intercepted_message(index, prev_hop, next_hop, message),
            Event::OnionMessagePeerConnected { peer_node_id } => {
                if self.nodes[index].options.mailbox.is_auto() {
                    self.empty_mailbox(index, peer_node_id);
                }
                json!({ "event": "messagePeerConnected", "peer": self.name_of(peer_node_id) })
            }
            Event::PersistStaticInvoice { .. } | Event::StaticInvoiceRequested { .. } => {
                self.serve_static_invoice(index, event)
            }
            Event::InvoiceReceived {
                payment_id,
                invoice,
                context,
                ..
            } => {
                let bytes = hex(&invoice.encode());
                let token = self
                    .pending
                    .keep(index, Kept::Invoice(Box::new(invoice), context));
                json!({ "event": "invoiceReceived", "paymentId": hex(&payment_id.0), "invoice": bytes, "token": token })
            }
            other => self.tell(index, other),
        };
        if !told.is_null() {
            told["node"] = json!(self.name(index));
            self.emit(told);
        }
    }

    fn intercepted_message(
        &mut self,
        index: usize,
        prev_hop: Option<bitcoin::secp256k1::PublicKey>,
        next_hop: NextMessageHop,
        message: lightning::ln::msgs::OnionMessage,
    ) -> Value {
        let next = match next_hop {
            NextMessageHop::NodeId(id) => json!({ "nodeId": id.to_string() }),
            NextMessageHop::ShortChannelId(scid) => json!({ "scid": scid.to_string() }),
        };
        let bytes = format!("0201{}", hex(&message.encode()));
        if let (NextMessageHop::NodeId(peer), true) =
            (next_hop, self.nodes[index].options.mailbox.is_auto())
        {
            self.mailboxes.put(index, peer, message);
        }
        let previous = prev_hop.map(|id| self.name_of(id));
        json!({ "event": "messageIntercepted", "previous": previous, "next": next, "hex": bytes })
    }

    fn serve_static_invoice(&mut self, index: usize, event: Event) -> Value {
        let auto = self.nodes[index].options.static_invoices.is_auto();
        match event {
            Event::PersistStaticInvoice {
                invoice,
                invoice_request_path,
                invoice_slot,
                recipient_id,
                invoice_persisted_path,
            } => {
                let mut told = json!({
                    "event": "persistStaticInvoice", "recipientId": hex(&recipient_id), "slot": invoice_slot,
                    "invoice": hex(&invoice.encode()), "requestPath": hex(&invoice_request_path.encode()),
                });
                if auto {
                    let place = (index, recipient_id, invoice_slot);
                    self.static_invoices
                        .put(place, invoice, invoice_request_path);
                    self.nodes[index]
                        .manager
                        .static_invoice_persisted(invoice_persisted_path);
                } else {
                    let kept = Kept::PersistedAck(invoice_persisted_path);
                    told["token"] = json!(self.pending.keep(index, kept));
                }
                told
            }
            Event::StaticInvoiceRequested {
                recipient_id,
                invoice_slot,
                reply_path,
                invoice_request,
            } => {
                let mut told = json!({
                    "event": "staticInvoiceRequested", "recipientId": hex(&recipient_id), "slot": invoice_slot,
                    "invoiceRequest": hex(&invoice_request.encode()),
                });
                let found = self.static_invoices.get(index, &recipient_id, invoice_slot);
                if !auto {
                    let kept = Kept::StaticInvoiceRequest(reply_path, Box::new(invoice_request));
                    told["token"] = json!(self.pending.keep(index, kept));
                } else if let Some((invoice, path)) = found {
                    let manager = &self.nodes[index].manager;
                    let result = manager.respond_to_static_invoice_request(
                        invoice,
                        reply_path,
                        invoice_request,
                        path,
                    );
                    told["answered"] = json!(result.is_ok());
                }
                told
            }
            _ => Value::Null,
        }
    }

    fn tell(&mut self, index: usize, event: Event) -> Value {
        let node = &self.nodes[index];
        match event {
            Event::PaymentClaimable {
                payment_hash,
                amount_msat,
                purpose,
                claim_deadline,
                onion_fields,
                ..
            } => {
                let preimage = purpose.preimage();
                if let (true, Some(preimage)) = (node.options.auto_claim, preimage) {
                    node.manager.claim_funds(preimage);
                }
                json!({
                    "event": "claimable", "paymentHash": hex(&payment_hash.0), "amountMsat": amount_msat,
                    "preimage": preimage.map(|p| hex(&p.0)), "purpose": purpose_of(&purpose),
                    "payerNote": payer_note(&purpose), "claimDeadline": claim_deadline,
                    "totalMsat": onion_fields.map(|fields| fields.total_mpp_amount_msat),
                })
            }
            Event::PaymentClaimed {
                payment_hash,
                amount_msat,
                htlcs,
                ..
            } => {
                json!({ "event": "claimed", "paymentHash": hex(&payment_hash.0), "amountMsat": amount_msat, "parts": htlcs.len() })
            }
            Event::PaymentSent {
                payment_id,
                payment_preimage,
                payment_hash,
                amount_msat,
                fee_paid_msat,
                bolt12_invoice,
            } => {
                let (kind, invoice) = match bolt12_invoice {
                    None => (None, None),
                    Some(PaidBolt12Invoice::StaticInvoice(invoice)) => {
                        (Some("static"), Some(hex(&invoice.encode())))
                    }
                    Some(paid) => (
                        Some("bolt12"),
                        paid.bolt12_invoice().map(|invoice| hex(&invoice.encode())),
                    ),
                };
                json!({
                    "event": "paymentSent", "paymentId": payment_id.map(|id| hex(&id.0)), "preimage": hex(&payment_preimage.0),
                    "paymentHash": hex(&payment_hash.0), "amountMsat": amount_msat, "feeMsat": fee_paid_msat,
                    "invoiceKind": kind, "invoice": invoice,
                })
            }
            Event::PaymentFailed {
                payment_id,
                payment_hash,
                reason,
            } => {
                json!({
                    "event": "paymentFailed", "paymentId": hex(&payment_id.0), "paymentHash": payment_hash.map(|h| hex(&h.0)),
                    "reason": reason.map(|reason| format!("{reason:?}")),
                })
            }
            Event::PaymentPathFailed {
                payment_hash,
                payment_failed_permanently,
                short_channel_id,
                ..
            } => {
                json!({
                    "event": "pathFailed", "paymentHash": hex(&payment_hash.0), "permanently": payment_failed_permanently,
                    "scid": short_channel_id.map(|scid| scid.to_string()), "failure": node.log.take_failure(),
                })
            }
            Event::PaymentPathSuccessful {
                payment_id,
                path,
                hold_times,
                ..
            } => {
                json!({ "event": "pathSuccessful", "paymentId": hex(&payment_id.0), "hops": path.hops.len(), "holdTimes": hold_times })
            }
            Event::HTLCHandlingFailed {
                failure_type,
                failure_reason,
                ..
            } => {
                json!({ "event": "htlcFailed", "type": format!("{failure_type:?}"), "reason": failure_reason.map(|r| format!("{r:?}")) })
            }
            Event::PaymentForwarded {
                total_fee_earned_msat,
                outbound_amount_forwarded_msat,
                ..
            } => {
                json!({ "event": "forwarded", "amountMsat": outbound_amount_forwarded_msat, "feeMsat": total_fee_earned_msat })
            }
            Event::ChannelReady {
                channel_id,
                counterparty_node_id,
                ..
            } => {
                json!({ "event": "channelReady", "channelId": hex(&channel_id.0), "peer": self.name_of(counterparty_node_id) })
            }
            Event::ChannelClosed {
                channel_id, reason, ..
            } => {
                json!({ "event": "channelClosed", "channelId": hex(&channel_id.0), "reason": reason.to_string() })
            }
            _ => Value::Null,
        }
    }
}

fn purpose_of(purpose: &PaymentPurpose) -> &'static str {
    match purpose {
        PaymentPurpose::Bolt11InvoicePayment { .. } => "bolt11",
        PaymentPurpose::Bolt12OfferPayment { .. } => "offer",
        PaymentPurpose::Bolt12RefundPayment { .. } => "refund",
        PaymentPurpose::SpontaneousPayment(_) => "spontaneous",
    }
}

fn payer_note(purpose: &PaymentPurpose) -> Option<String> {
    match purpose {
        PaymentPurpose::Bolt12OfferPayment {
            payment_context, ..
        } => payment_context
            .invoice_request
            .payer_note_truncated
            .as_ref()
            .map(ToString::to_string),
        _ => None,
    }
}

/// A transaction that spends an output nobody made; the channel's first id makes it unlike all others.
fn funding(channel: [u8; 32], satoshis: u64, script: ScriptBuf) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint {
            txid: Txid::from_byte_array(channel),
            vout: 0,
        },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::from_slice(&[[0u8; 64]]),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![TxOut {
            value: Amount::from_sat(satoshis),
            script_pubkey: script,
        }],
    }
}
