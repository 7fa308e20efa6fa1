//! What crosses a link: handing it to the node it is for, and showing it as bytes.

use crate::node::Node;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{
    BaseMessageHandler, ChannelMessageHandler, ErrorAction, MessageSendEvent, OnionMessage,
    OnionMessageHandler,
};
use lightning::util::ser::Writeable;

pub const ONION_MESSAGE: u16 = 513;
pub const UPDATE_ADD: u16 = 128;

pub enum Parcel {
    Channel(Box<MessageSendEvent>),
    Onion(OnionMessage),
}

impl Parcel {
    /// Whom a node's message is for; none: everybody.
    pub fn addressee(event: &MessageSendEvent) -> Option<PublicKey> {
        use MessageSendEvent as Send;
        match event {
            Send::SendOpenChannel { node_id, .. }
            | Send::SendAcceptChannel { node_id, .. }
            | Send::SendFundingCreated { node_id, .. }
            | Send::SendFundingSigned { node_id, .. }
            | Send::SendChannelReady { node_id, .. }
            | Send::SendAnnouncementSignatures { node_id, .. }
            | Send::UpdateHTLCs { node_id, .. }
            | Send::SendRevokeAndACK { node_id, .. }
            | Send::SendClosingSigned { node_id, .. }
            | Send::SendShutdown { node_id, .. }
            | Send::SendChannelReestablish { node_id, .. }
            | Send::SendChannelUpdate { node_id, .. }
            | Send::SendStfu { node_id, .. }
            | Send::SendTxAbort { node_id, .. }
            | Send::SendPeerStorage { node_id, .. }
            | Send::SendPeerStorageRetrieval { node_id, .. }
            | Send::HandleError { node_id, .. } => Some(*node_id),
            _ => None,
        }
    }

    /// Type and bytes (without the type) of the messages in it; only those a test may ask for.
    pub fn messages(&self) -> Vec<(u16, Vec<u8>)> {
        let event = match self {
            Parcel::Onion(message) => return vec![(ONION_MESSAGE, message.encode())],
            Parcel::Channel(event) => event,
        };
        match &**event {
            MessageSendEvent::UpdateHTLCs { updates, .. } => {
                let mut all = Vec::new();
                let add = |m: &_| (UPDATE_ADD, Writeable::encode(m));
                all.extend(updates.update_add_htlcs.iter().map(add));
                all.extend(
                    updates
                        .update_fulfill_htlcs
                        .iter()
                        .map(|m| (130, m.encode())),
                );
                all.extend(updates.update_fail_htlcs.iter().map(|m| (131, m.encode())));
                all.extend(
                    updates
                        .update_fail_malformed_htlcs
                        .iter()
                        .map(|m| (135, m.encode())),
                );
                all.extend(updates.commitment_signed.iter().map(|m| (132, m.encode())));
                all
            }
            MessageSendEvent::SendRevokeAndACK { msg, .. } => vec![(133, msg.encode())],
            MessageSendEvent::SendChannelReestablish { msg, .. } => vec![(136, msg.encode())],
            MessageSendEvent::SendChannelUpdate { msg, .. } => vec![(258, msg.encode())],
            _ => Vec::new(),
        }
    }
}

/// Gives a node a message of a peer. Answers with the peer's error, if that is what the message was.
pub fn deliver(to: &Node, from: PublicKey, parcel: Parcel) -> Option<String> {
    let event = match parcel {
        Parcel::Onion(message) => {
            to.messenger.handle_onion_message(from, &message);
            return None;
        }
        Parcel::Channel(event) => *event,
    };
    use MessageSendEvent as Send;
    let node = &*to.manager;
    match event {
        Send::SendOpenChannel { msg, .. } => node.handle_open_channel(from, &msg),
        Send::SendAcceptChannel { msg, .. } => node.handle_accept_channel(from, &msg),
        Send::SendFundingCreated { msg, .. } => node.handle_funding_created(from, &msg),
        Send::SendFundingSigned { msg, .. } => node.handle_funding_signed(from, &msg),
        Send::SendChannelReady { msg, .. } => node.handle_channel_ready(from, &msg),
        Send::SendAnnouncementSignatures { msg, .. } => {
            node.handle_announcement_signatures(from, &msg)
        }
        Send::UpdateHTLCs {
            channel_id,
            updates,
            ..
        } => {
            for add in &updates.update_add_htlcs {
                node.handle_update_add_htlc(from, add);
            }
            for fulfill in updates.update_fulfill_htlcs {
                node.handle_update_fulfill_htlc(from, fulfill);
            }
            for fail in &updates.update_fail_htlcs {
                node.handle_update_fail_htlc(from, fail);
            }
            for malformed in &updates.update_fail_malformed_htlcs {
                node.handle_update_fail_malformed_htlc(from, malformed);
            }
            if let Some(fee) = &updates.update_fee {
                node.handle_update_fee(from, fee);
            }
            match &updates.commitment_signed[..] {
                [one] => node.handle_commitment_signed(from, one),
                many => node.handle_commitment_signed_batch(from, channel_id, many.to_vec()),
            }
        }
        Send::SendRevokeAndACK { msg, .. } => node.handle_revoke_and_ack(from, &msg),
        Send::SendClosingSigned { msg, .. } => node.handle_closing_signed(from, &msg),
        Send::SendShutdown { msg, .. } => node.handle_shutdown(from, &msg),
        Send::SendChannelReestablish { msg, .. } => node.handle_channel_reestablish(from, &msg),
        Send::SendChannelUpdate { msg, .. } => node.handle_channel_update(from, &msg),
        Send::SendStfu { msg, .. } => node.handle_stfu(from, &msg),
        Send::SendTxAbort { msg, .. } => node.handle_tx_abort(from, &msg),
        Send::SendPeerStorage { msg, .. } => node.handle_peer_storage(from, msg),
        Send::SendPeerStorageRetrieval { msg, .. } => node.handle_peer_storage_retrieval(from, msg),
        Send::HandleError { action, .. } => {
            if let ErrorAction::SendErrorMessage { msg } = &action {
                node.handle_error(from, msg);
            }
            return Some(format!("{action:?}"));
        }
        _ => (),
    }
    None
}

/// Tells both services of a node that a peer is gone. False if it was not there.
pub fn part(node: &mut Node, peer: PublicKey) -> bool {
    let was_there = node.peers.remove(&peer);
    if was_there {
        node.manager.peer_disconnected(peer);
        node.messenger.peer_disconnected(peer);
    }
    was_there
}
